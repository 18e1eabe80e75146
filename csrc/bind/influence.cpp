#include "arrays.hpp"
#include "mlcraft/matrix/rows.hpp"
#include "mlcraft/moments/dual.hpp"
#include "mlcraft/stats/leverage.hpp"
#include "mlcraft/stats/resampled_sums.hpp"

namespace mlcraft::bind {
namespace {

// Calls run(rows, threads) for x with its weights, the interpreter let go; `rank` says how much work a row is.
template <class Run>
void with_rows(const py::object& x, const py::object& weight, Index rank, Run&& run) {
    const auto visit = [&](const auto& matrix) {
        using Matrix = std::decay_t<decltype(matrix)>;
        using T = typename Matrix::value_type;
        const Rows<Matrix> rows(matrix, {}, vector_view<T>(weight, matrix.rows(), "sample_weight"));
        const py::gil_scoped_release release;
        const CallScope scope;
        run(rows, threads_for(static_cast<double>(rows.rows * (rank + 4)) * static_cast<double>(rows.cols)));
    };
    return visit_matrix(x, visit);
}

Whitener whitener_of(const Doubles& root, const Doubles& mean, const std::pair<Index, Index>& shape) {
    if (root.ndim() != 2 || root.shape(0) != shape.second || mean.size() != shape.second)
        throw py::value_error("root and mean do not fit the columns of X");
    return {root.data(), root.shape(1), mean.data()};
}

py::tuple influence(const py::object& x, const Doubles& root, const Doubles& mean, const Doubles& coef,
                    const std::string& wanted) {
    const auto shape = py::cast<std::pair<Index, Index>>(x.attr("shape"));
    const Whitener whitener = whitener_of(root, mean, shape);
    if (coef.ndim() != 2 || coef.shape(1) != shape.second) throw py::value_error("coef does not fit the columns of X");
    const Index targets = coef.shape(0);
    RowInfluence out;
    py::list found;
    const auto make = [&](char letter, double*& data, Index width) {
        if (wanted.find(letter) == std::string::npos) return found.append(py::none());
        Doubles array(std::vector<py::ssize_t>{shape.first, width});
        data = array.mutable_data();
        found.append(array);
    };
    make('q', out.quadratic, 1);
    make('f', out.fit, targets);
    make('s', out.square, 1);
    make('p', out.projection, targets);
    make('d', out.direction, shape.second);
    Status status = Status::converged;
    with_rows(x, py::none(), whitener.rank, [&](const RowSource& rows, int threads) {
        status = row_influence(rows, whitener, coef.data(), targets, out, threads);
    });
    raise_if_interrupted(status);
    return py::tuple(found);
}

py::tuple whitened(const py::object& x, const py::object& weight, const Doubles& root, const Doubles& mean) {
    const Whitener whitener = whitener_of(root, mean, py::cast<std::pair<Index, Index>>(x.attr("shape")));
    WhitenedGram found;
    with_rows(x, weight, whitener.rank,
              [&](const RowSource& rows, int threads) { found = whitened_gram(rows, whitener, threads); });
    raise_if_interrupted(found.status);
    return py::make_tuple(to_array<double>(found.gram, {whitener.rank, whitener.rank}),
                          to_array<double>(found.shift, {mean.size()}), found.weight_sum);
}

py::array_t<double> row_gram(const py::object& x, const Doubles& root_weight, const Doubles& mean) {
    const Index n = root_weight.size();
    if (py::cast<std::pair<Index, Index>>(x.attr("shape")) != std::pair<Index, Index>(n, mean.size()))
        throw py::value_error("root_weight and mean do not fit the shape of X");
    std::vector<double> gram;
    with_rows(x, py::none(), n, [&](const RowSource& rows, int threads) {
        gram = dual_gram(rows, mean.data(), root_weight.data(), threads);
    });
    if (PyErr_Occurred()) throw py::error_already_set();
    return to_array<double>(gram, {n, n});
}

using Indices = py::array_t<Index, py::array::c_style | py::array::forcecast>;
// See Resampling: kind, seed, unit of each row, units by stratum (either may be empty), where each stratum starts.
using Plan = std::tuple<int, std::uint64_t, Indices, Indices, Indices>;
// See ResampledProblem: mean, root, constant, y, sample_weight, offset, delta (may be empty), loss and its parameter.
using Fit = std::tuple<Doubles, Doubles, bool, Doubles, Doubles, Doubles, Doubles, std::string, double>;

Resampling resampling_of(const Plan& plan, Index rows) {
    const auto& [kind, seed, unit, order, start] = plan;
    const Index strata = start.size() - 1, units = start.at(strata);
    if ((unit.size() ? unit.size() : units) != rows) throw py::value_error("the plan is for another number of rows");
    return {static_cast<ResampleKind>(kind),       seed,         rows,  units, unit.size() ? unit.data() : nullptr,
            order.size() ? order.data() : nullptr, start.data(), strata};
}

Doubles weights_of_rows(Index rows, const Plan& plan, Index first, Index count) {
    Doubles out({count, rows});
    const int threads = threads_for(8.0 * static_cast<double>(count) * static_cast<double>(rows));
    raise_if_interrupted(resample_weights(resampling_of(plan, rows), first, count, out.mutable_data(), threads));
    return out;
}

py::tuple sums_of_resamples(const py::object& x, const Fit& fit, const Plan& plan, Index first, Index count,
                            const std::string& wanted) {
    const auto& [mean, root, constant, y, weight, offset, delta, loss, parameter] = fit;
    const auto shape = py::cast<std::pair<Index, Index>>(x.attr("shape"));
    const Whitener whitener = whitener_of(root, mean, shape);
    const Index width = whitener.rank + constant, n = shape.first, targets = y.shape(0);
    if (y.size() != n * targets || weight.size() != n || offset.size() != n ||
        (delta.size() != 0 && delta.size() != count * width))
        throw py::value_error("the arrays of the fit do not fit X or the number of resamples");
    check_loss(loss, true);
    const bool score = wanted.find('s') != std::string::npos, squared = wanted.find('m') != std::string::npos;
    const bool gram = squared || wanted.find('g') != std::string::npos;
    Doubles grams({gram ? count : 0, width, width}), scores({score ? count : 0, targets, width});
    const ResampledSums out{gram ? grams.mutable_data() : nullptr, score ? scores.mutable_data() : nullptr, squared};
    Status status = Status::converged;
    with_rows(x, py::none(), count * (gram ? width : 4), [&](const RowSource& rows, int threads) {
        status = resampled_sums({rows, whitener, constant, find_loss<double>(loss.c_str()), parameter, targets,
                                 y.data(), weight.data(), offset.data(), delta.size() ? delta.data() : nullptr},
                                resampling_of(plan, n), first, count, out, threads);
    });
    raise_if_interrupted(status);
    return py::make_tuple(grams, scores);
}

}  // namespace

void register_influence(py::module_& m) {
    m.def("row_influence", &influence, py::arg("x"), py::arg("root"), py::arg("mean"), py::arg("coef"),
          py::arg("wanted"),
          "For d = x - mean, u = root root'd: q d'u, f d'coef, s u'u, p u'coef, d u; those `wanted`.");
    m.def("whitened_gram", &whitened, py::arg("x"), py::arg("sample_weight"), py::arg("root"), py::arg("mean"),
          "root'D'WD root for D = x - mean, the weighted sums of D by column, and the sum of the weights.");
    m.def("row_gram", &row_gram, py::arg("x"), py::arg("root_weight"), py::arg("mean"),
          "The products of all pairs of rows of root_weight (x - mean).");
    m.def("resample_weights", &weights_of_rows, py::arg("rows"), py::arg("plan"), py::arg("first"), py::arg("count"));
    m.def("resampled_sums", &sums_of_resamples, py::arg("x"), py::arg("fit"), py::arg("plan"), py::arg("first"),
          py::arg("count"), py::arg("wanted"), "Grams (g, or m: of squared scores) and scores (s) of resamples.");
}

}  // namespace mlcraft::bind
