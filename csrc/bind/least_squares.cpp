#include "mlcraft/solver/least_squares.hpp"
#include "arrays.hpp"

namespace mlcraft::bind {
namespace {

template <class Matrix>
LeastSquaresSolution solve(const Matrix& x, const py::array& y, const py::object& weight, LeastSquaresOptions options) {
    using T = typename Matrix::value_type;
    const MatrixView<const T> targets = matrix_view<T>(y, "y");
    const VectorView<const T> w = vector_view<T>(weight, x.rows(), "sample_weight");
    if (targets.rows != x.rows()) throw py::value_error("y must have as many rows as X");
    if (options.alpha.size() != 1 && static_cast<Index>(options.alpha.size()) != targets.cols)
        throw py::value_error("alpha must have one element, or one for each target");
    LeastSquaresSolution solution;
    {
        const py::gil_scoped_release release;
        const CallScope scope;
        const double p = static_cast<double>(x.cols());
        options.threads = threads_for(static_cast<double>(x.rows()) * p * (p + 16));
        if constexpr (requires { x.view(); })
            solution = solve_dense<T>(x.view(), targets, w, options);
        else
            solution = solve_sparse(x, targets, w, options);
    }
    raise_if_interrupted(solution.status);
    return solution;
}

}  // namespace

void register_least_squares(py::module_& m) {
    py::class_<LeastSquaresOptions>(m, "LeastSquaresOptions")
        .def(py::init<>())
        .def_readwrite("alpha", &LeastSquaresOptions::alpha)
        .def_readwrite("fit_intercept", &LeastSquaresOptions::fit_intercept)
        .def_readwrite("positive", &LeastSquaresOptions::positive)
        .def_readwrite("tol", &LeastSquaresOptions::tol)
        .def_readwrite("max_iter", &LeastSquaresOptions::max_iter);

    using Solution = LeastSquaresSolution;
    py::class_<Solution>(m, "LeastSquaresSolution")
        .def_property_readonly("status", [](const Solution& s) { return status_name(s.status); })
        .def_readonly("method", &Solution::method)
        .def_readonly("rank", &Solution::rank)
        .def_readonly("condition", &Solution::condition)
        .def_readonly("iterations", &Solution::iterations)
        .def_property_readonly("coef",
                               [](const Solution& s) {
                                   const Index k = static_cast<Index>(s.intercept.size());
                                   return to_array<double>(s.coef, {k, k ? static_cast<Index>(s.coef.size()) / k : 0});
                               })
        .def_property_readonly("intercept", [](const Solution& s) { return vector_of(s.intercept); })
        .def_property_readonly(
            "moments",
            [](const Solution& s) { return s.moments.features > 0 ? py::cast(s.moments) : py::object(py::none()); })
        .def_property_readonly("factor",
                               [](const Solution& s) -> py::object {
                                   const Factor& f = s.factor;
                                   if (f.lower.empty()) return py::none();
                                   return py::make_tuple(to_array<double>(f.lower, {f.size, f.size}),
                                                         vector_of(f.scale), vector_of(f.mean), f.weight_sum, f.alpha,
                                                         f.dual, f.rank, f.filled);
                               })
        .def_property_readonly("sums", [](const Solution& s) {
            return py::make_tuple(s.sums.samples, vector_of(s.sums.y_mean), vector_of(s.sums.total),
                                  vector_of(s.sums.residual), s.sums.log_weight);
        });

    const auto fit = [](const py::object& x, const py::array& y, const py::object& w, const LeastSquaresOptions& o) {
        return visit_matrix(x, [&](const auto& matrix) { return solve(matrix, y, w, o); });
    };
    m.def("least_squares", fit, py::arg("x"), py::arg("y"), py::arg("sample_weight"), py::arg("options"),
          "Weighted ridge regression: dense x of any strides or CSR; y and sample_weight of the same dtype.");
}

}  // namespace mlcraft::bind
