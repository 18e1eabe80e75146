#include <algorithm>
#include <cmath>

#include "arrays.hpp"
#include "mlcraft/moments/sparse.hpp"
#include "mlcraft/solver/least_squares.hpp"

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

LeastSquaresSolution least_squares(const py::object& x, const py::array& y, const py::object& weight,
                                   const LeastSquaresOptions& options) {
    const auto run = [&](const auto& matrix) { return solve(matrix, y, weight, options); };
    if (py::isinstance<py::array>(x)) return visit_dense(py::cast<py::array>(x), run);
    return visit_sparse<CsrMatrix>(x, run);
}

Moments moments_of(const py::object& x, const py::array& y, const py::object& weight, bool centre) {
    const auto run = [&](const auto& matrix) {
        using Matrix = std::decay_t<decltype(matrix)>;
        using T = typename Matrix::value_type;
        const MatrixView<const T> targets = matrix_view<T>(y, "y");
        const VectorView<const T> w = vector_view<T>(weight, matrix.rows(), "sample_weight");
        if (targets.rows != matrix.rows()) throw py::value_error("y must have as many rows as X");
        Moments m;
        {
            const py::gil_scoped_release release;
            const CallScope scope;
            if constexpr (requires { matrix.view(); })
                m = dense_moments<T, T>(matrix.view(), targets, w, centre, available_threads());
            else
                m = sparse_moments(matrix, targets, w, centre, available_threads());
        }
        if (m.interrupted) throw py::error_already_set();
        return m;
    };
    if (py::isinstance<py::array>(x)) return visit_dense(py::cast<py::array>(x), run);
    return visit_sparse<CsrMatrix>(x, run);
}

std::vector<double> flat(const py::array_t<double, py::array::c_style | py::array::forcecast>& a) {
    return {a.data(), a.data() + a.size()};
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
        .def_property_readonly(
            "intercept",
            [](const Solution& s) { return to_array<double>(s.intercept, {static_cast<Index>(s.intercept.size())}); })
        .def_property_readonly("factor",
                               [](const Solution& s) -> py::object {
                                   const Factor& f = s.factor;
                                   if (f.lower.empty()) return py::none();
                                   return py::make_tuple(
                                       to_array<double>(f.lower, {f.size, f.size}),
                                       to_array<double>(f.scale, {static_cast<Index>(f.scale.size())}),
                                       to_array<double>(f.mean, {static_cast<Index>(f.mean.size())}), f.weight_sum,
                                       f.alpha, f.dual, f.rank, f.filled);
                               })
        .def_property_readonly("sums", [](const Solution& s) {
            const auto array = [](const std::vector<double>& v) {
                return to_array<double>(v, {static_cast<Index>(v.size())});
            };
            return py::make_tuple(s.sums.samples, array(s.sums.y_mean), array(s.sums.total), array(s.sums.residual));
        });

    py::class_<Moments>(m, "Moments")
        .def(py::init([](double weight_sum, const py::array_t<double>& x_mean, const py::array_t<double>& y_mean,
                         const py::array_t<double>& xx, const py::array_t<double>& xy, const py::array_t<double>& yy) {
                 Moments moments;
                 moments.weight_sum = weight_sum;
                 moments.x_mean = flat(x_mean);
                 moments.y_mean = flat(y_mean);
                 moments.xx = flat(xx);
                 moments.xy = flat(xy);
                 moments.yy = flat(yy);
                 const std::size_t p = moments.x_mean.size(), k = moments.y_mean.size();
                 if (moments.xx.size() != p * p || moments.xy.size() != p * k || moments.yy.size() != k)
                     throw py::value_error("the shapes of the moments do not agree");
                 moments.features = static_cast<Index>(p);
                 moments.targets = static_cast<Index>(k);
                 moments.x_size.resize(p);
                 for (std::size_t j = 0; j < p; ++j)
                     moments.x_size[j] = std::sqrt(std::max(0.0, moments.xx[j * p + j]) / weight_sum +
                                                   moments.x_mean[j] * moments.x_mean[j]);
                 return moments;
             }),
             py::arg("weight_sum"), py::arg("x_mean"), py::arg("y_mean"), py::arg("xx"), py::arg("xy"), py::arg("yy"))
        .def_readonly("weight_sum", &Moments::weight_sum)
        .def_readonly("finite", &Moments::finite)
        .def_property_readonly("x_mean", [](const Moments& s) { return to_array<double>(s.x_mean, {s.features}); })
        .def_property_readonly("y_mean", [](const Moments& s) { return to_array<double>(s.y_mean, {s.targets}); })
        .def_property_readonly("xx", [](const Moments& s) { return to_array<double>(s.xx, {s.features, s.features}); })
        .def_property_readonly("xy", [](const Moments& s) { return to_array<double>(s.xy, {s.features, s.targets}); })
        .def_property_readonly("yy", [](const Moments& s) { return to_array<double>(s.yy, {s.targets}); });

    m.def("least_squares", &least_squares, py::arg("x"), py::arg("y"), py::arg("sample_weight"), py::arg("options"),
          "Weighted ridge regression: dense x of any strides or CSR; y and sample_weight of the same dtype.");
    m.def("moments", &moments_of, py::arg("x"), py::arg("y"), py::arg("sample_weight") = py::none(),
          py::arg("centre") = true, "Weighted first and second moments of [x, y].");
    m.def(
        "solve_moments",
        [](Moments moments, LeastSquaresOptions options) {
            if (options.alpha.size() != 1 && static_cast<Index>(options.alpha.size()) != moments.targets)
                throw py::value_error("alpha must have one element, or one for each target");
            double check = moments.weight_sum;
            for (const auto* part : {&moments.x_mean, &moments.y_mean, &moments.xx, &moments.xy, &moments.yy})
                for (double value : *part) check += value * 0;
            moments.finite = std::isfinite(check);
            moments.centred = options.fit_intercept;
            options.threads = available_threads();
            const py::gil_scoped_release release;
            return solve_moments(moments, nullptr, options);
        },
        py::arg("moments"), py::arg("options"), "Weighted ridge regression from its moments alone.");
}

}  // namespace mlcraft::bind
