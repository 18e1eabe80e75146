#include "arrays.hpp"
#include "mlcraft/stats/metric_pass.hpp"
#include "mlcraft/stats/ranking.hpp"
#include "mlcraft/stats/resampled_metrics.hpp"

namespace mlcraft::bind {
namespace {

template <class T>
using Array = py::array_t<T, py::array::c_style | py::array::forcecast>;
template <class T>
using Maybe = std::optional<Array<T>>;

template <class T>
const T* data_of(const Maybe<T>& a, Index size) {
    if (a && a->size() != size) throw py::value_error("arrays must have as many rows as each other");
    return a ? a->data() : nullptr;
}

py::array_t<double> pass(const std::string& name,
                         const std::tuple<Maybe<double>, Maybe<double>, Maybe<double>>& numbers,
                         const std::pair<Maybe<std::int32_t>, Maybe<std::int32_t>>& codes, double parameter) {
    const auto& [first, second, weight] = numbers;
    const MetricPass kind = metric_pass_of(name);
    if (kind == MetricPass::unknown) throw py::value_error("no such pass: " + name);
    MetricInput in;
    in.rows = first ? first->shape(0) : codes.first.value().size();
    in.columns = first && in.rows > 0 ? first->size() / in.rows : 1;
    in.first = data_of(first, in.rows * in.columns);
    in.second = data_of(second, in.rows * in.columns);
    in.weight = data_of(weight, kind < MetricPass::gains ? in.rows : in.columns);
    in.truth = data_of(codes.first, in.rows);
    in.predicted = data_of(codes.second, in.rows);
    in.parameter = parameter;
    py::array_t<double> out(metric_pass_shape(kind, in));
    double* data = out.mutable_data();
    const py::gil_scoped_release release;
    const CallScope scope;
    metric_pass(kind, in, data, threads_for(16.0 * static_cast<double>(in.rows * in.columns)));
    return out;
}

py::tuple rank(const Array<double>& score, const Array<std::uint8_t>& positive) {
    Array<Index> order(score.size()), start(score.size() + 1);
    if (positive.size() != score.size()) throw py::value_error("labels must have as many elements as scores");
    Index runs = 0, n = score.size(), *rows = order.mutable_data(), *first = start.mutable_data();
    {
        const py::gil_scoped_release release;
        const CallScope scope;
        runs = rank_rows(score.data(), positive.data(), n, rows, first, threads_for(100.0 * static_cast<double>(n)));
    }
    return py::make_tuple(order, start, runs);
}

using Ranked = std::tuple<Array<Index>, Array<Index>, Maybe<double>>;

RankedRows rows_of(const Ranked& ranked) {
    const auto& [order, start, weight] = ranked;
    return {order.data(), start.data(), start.size() - 1, data_of(weight, order.size())};
}

py::array_t<double> ranking(const std::string& what, const Ranked& ranked) {
    const RankedRows r = rows_of(ranked);
    py::array_t<double> out(ranking_shape(what, r, std::get<0>(ranked).size()));
    double* data = out.mutable_data();
    const py::gil_scoped_release release;
    ranking_pass(what, r, data);
    return out;
}

// Of resamples `which` (first, count) of as many units: metric `kind` of a ranking, or, without one, sums of the
// columns.
py::array_t<double> resampled(int kind, const std::optional<Ranked>& ranked, const Maybe<double>& columns,
                              const std::tuple<std::uint64_t, Index, Maybe<Index>>& units,
                              const std::pair<Index, Index>& which) {
    const auto& [seed, count, unit] = units;
    const Index width = columns ? columns->shape(1) : 1, n = ranked ? std::get<0>(*ranked).size() : count;
    const UnitDraws draws{seed, count, data_of(unit, n)};
    py::array_t<double> out(std::array{which.second, width});
    double* data = out.mutable_data();
    const double* values = data_of(columns, count * width);
    const RankedRows r = ranked ? rows_of(*ranked) : RankedRows{};
    Status status;
    {
        const py::gil_scoped_release release;
        const CallScope scope;
        const int threads = threads_for(8.0 * static_cast<double>(n) * static_cast<double>(which.second));
        status = ranked ? resampled_rankings(r, n, static_cast<RankingMetric>(kind), draws, which.first, which.second,
                                             data, threads)
                        : resampled_columns(values, width, draws, which.first, which.second, data, threads);
    }
    raise_if_interrupted(status);
    return out;
}

}  // namespace

void register_metrics(py::module_& m) {
    m.def("metric_pass", &pass, py::arg("name"), py::arg("numbers"), py::arg("codes"), py::arg("parameter"));
    m.def("rank_rows", &rank, py::arg("score"), py::arg("positive"), "2 row + label, descending; runs; how many.");
    m.def("ranking", &ranking, py::arg("what"), py::arg("ranked"));
    m.def("resampled", &resampled, py::arg("kind"), py::arg("ranked"), py::arg("columns"), py::arg("units"),
          py::arg("which"));
}

}  // namespace mlcraft::bind
