#include <tuple>

#include "arrays.hpp"
#include "mlcraft/matrix/rows.hpp"
#include "mlcraft/stats/order_bounds.hpp"
#include "mlcraft/stats/sandwich.hpp"

namespace mlcraft::bind {
namespace {

using Indices = py::array_t<Index, py::array::c_style | py::array::forcecast>;
using Mean = std::optional<Doubles>;  // no mean: no constant either

// An array of zeros of shape (count, width) or (count, width, width), filled by run(z, out, threads).
template <class Run>
py::array_t<double> over_rows(const py::object& x, const py::object& weight, const Mean& mean, std::vector<Index> shape,
                              Run&& run) {
    const auto features = py::cast<std::pair<Index, Index>>(x.attr("shape")).second;
    if (mean && mean->size() != features) throw py::value_error("mean does not fit the columns of X");
    const std::vector<double> zeros(mean ? 0 : static_cast<std::size_t>(features), 0.0);
    for (Index& length : shape) length = length < 0 ? features + (mean ? 1 : 0) : length;
    py::array_t<double> out(std::vector<py::ssize_t>(shape.begin(), shape.end()));
    double* data = out.mutable_data();
    const auto visit = [&](const auto& matrix) {
        using Matrix = std::decay_t<decltype(matrix)>;
        const auto w = vector_view<typename Matrix::value_type>(weight, matrix.rows(), "sample_weight");
        const Rows<Matrix> rows(matrix, {}, w);
        const CentredRows z{rows, mean ? mean->data() : zeros.data(), mean.has_value()};
        const py::gil_scoped_release release;
        const CallScope scope;
        return run(z, data, threads_for(static_cast<double>(rows.rows) * static_cast<double>(z.width() + 8)));
    };
    raise_if_interrupted(visit_matrix(x, visit));
    return out;
}

const double* checked(const Doubles& score, const CentredRows& z) {
    if (score.size() != z.rows.rows) throw py::value_error("y and score must have as many elements as X has rows");
    return score.data();
}

// fit: root, coef, fitted value at the mean, 1 / (sum of weights) or 0; omega: power, whether weights are counts.
py::tuple gram_of_scores(const py::object& x, const py::object& weight, const Mean& mean, const Doubles& y,
                         const std::tuple<Doubles, Doubles, double, double>& fit,
                         const std::pair<double, bool>& omega) {
    const auto& [root, coef, centre, base] = fit;
    ScoreGram found;
    const Index rank = root.ndim() == 2 ? root.shape(1) : 0;
    const auto unused = over_rows(x, weight, mean, {0}, [&](const CentredRows& z, double*, int threads) {
        if (root.size() != z.rows.cols * rank || coef.size() != z.rows.cols)
            throw py::value_error("root and coef do not fit the columns of X");
        const ScoreGramProblem problem{checked(y, z), coef.data(), centre,      root.data(),
                                       rank,          base,        omega.first, omega.second};
        found = score_gram(z, problem, threads);
        return found.status;
    });
    const Index width = rank + (mean ? 1 : 0);
    return py::make_tuple(to_array<double>(found.gram, {width, width}), found.residual_squares, found.largest,
                          found.row);
}

// Predictions base + left weights', or of the members of `left` where `right` holds numbers of models.
py::array_t<double> bounds(const Mean& base, const Doubles& left, const std::pair<Mean, std::optional<Indices>>& right,
                           const Doubles& offset, const Mean& scale, const Indices& rank) {
    const auto& [weights, member] = right;
    OrderBounds p{left.shape(0), offset.shape(1), left.shape(1), rank.shape(1)};
    p.left = left.data(), p.offset = offset.data(), p.rank = rank.data();
    if (base) p.base = base->data();
    if (weights) p.weights = weights->data();
    if (member) p.member = member->data();
    if (scale) p.scale = scale->data();
    if ((weights ? weights->size() != p.rows * p.width : !member || member->size() != p.rows) ||
        (base && base->size() != p.points) || (scale && scale->size() != p.points))
        throw py::value_error("the shapes do not agree");
    py::array_t<double> out(std::vector<py::ssize_t>{p.points, 2, p.levels});
    double* data = out.mutable_data();
    const py::gil_scoped_release release;
    const CallScope scope;
    const auto work = static_cast<double>(p.points) * static_cast<double>(p.rows * (p.width + 8));
    const Status status = order_bounds(p, data, threads_for(work));
    const py::gil_scoped_acquire acquire;
    raise_if_interrupted(status);
    return out;
}

}  // namespace

void register_stats(py::module_& m) {
    const auto x = py::arg("x"), score = py::arg("score"), mean = py::arg("mean");
    const auto by_cluster = [](const py::object& rows, const Doubles& s, const Mean& centre, const Indices& codes,
                               Index clusters) {
        return over_rows(rows, py::none(), centre, {clusters, -1}, [&](const auto& z, double* out, int threads) {
            if (codes.size() != s.size()) throw py::value_error("codes must have as many elements as score");
            return cluster_scores(z, checked(s, z), codes.data(), clusters, out, threads);
        });
    };
    const auto grams = [](const py::object& rows, const py::object& weight, const Mean& centre, const Indices& order,
                          const Indices& start) {
        const Index clusters = start.size() - 1;
        return over_rows(rows, weight, centre, {clusters, -1, -1}, [&](const auto& z, double* out, int threads) {
            return cluster_grams(z, order.data(), start.data(), clusters, out, threads);
        });
    };
    const auto lagged = [](const py::object& rows, const Doubles& s, const Mean& centre, const Doubles& kernel) {
        return over_rows(rows, py::none(), centre, {-1, -1}, [&](const auto& z, double* out, int threads) {
            return lagged_products(z, checked(s, z), kernel.data(), kernel.size() - 1, out, threads);
        });
    };
    m.def("score_gram", &gram_of_scores, x, py::arg("sample_weight"), mean, py::arg("y"), py::arg("fit"),
          py::arg("omega"),
          "Sum of omega u u', u = [1, root'(x - mean)]; sum w e^2; the largest leverage and its row.");
    m.def("cluster_scores", by_cluster, x, score, mean, py::arg("codes"), py::arg("clusters"),
          "Sums of score [1, x - mean] by cluster; no mean, no constant.");
    m.def("cluster_grams", grams, x, py::arg("sample_weight"), mean, py::arg("order"), py::arg("start"),
          "Sums of weight z z', z = [1, x - mean], over the rows order[start[g]:start[g + 1]].");
    m.def("order_bounds", &bounds, py::arg("base"), py::arg("left"), py::arg("right"), py::arg("offset"),
          py::arg("scale"), py::arg("rank"), "Ranked values of base + left right' + scale offset, on both sides.");
    m.def("lagged_products", lagged, x, score, mean, py::arg("kernel"),
          "Sum over rows and lags of kernel[lag] (s z)_row-lag (s z)_row', z = [1, x - mean].");
}

}  // namespace mlcraft::bind
