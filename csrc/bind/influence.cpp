#include "arrays.hpp"
#include "mlcraft/matrix/rows.hpp"
#include "mlcraft/moments/dual.hpp"
#include "mlcraft/stats/leverage.hpp"

namespace mlcraft::bind {
namespace {

using Doubles = py::array_t<double, py::array::c_style | py::array::forcecast>;

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
    if (py::isinstance<py::array>(x)) return visit_dense(py::cast<py::array>(x), visit);
    return visit_sparse<CsrMatrix>(x, visit);
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

}  // namespace

void register_influence(py::module_& m) {
    m.def("row_influence", &influence, py::arg("x"), py::arg("root"), py::arg("mean"), py::arg("coef"),
          py::arg("wanted"),
          "For d = x - mean, u = root root'd: q d'u, f d'coef, s u'u, p u'coef, d u; those `wanted`.");
    m.def("whitened_gram", &whitened, py::arg("x"), py::arg("sample_weight"), py::arg("root"), py::arg("mean"),
          "root'D'WD root for D = x - mean, the weighted sums of D by column, and the sum of the weights.");
    m.def("row_gram", &row_gram, py::arg("x"), py::arg("root_weight"), py::arg("mean"),
          "The products of all pairs of rows of root_weight (x - mean).");
}

}  // namespace mlcraft::bind
