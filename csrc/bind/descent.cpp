#include "arrays.hpp"
#include "mlcraft/loss/loss.hpp"
#include "mlcraft/solver/gradient_descent.hpp"

namespace mlcraft::bind {
namespace {

template <class Visit>
auto visit(const py::object& x, Visit&& f) {
    if (py::isinstance<py::array>(x)) return visit_dense(py::cast<py::array>(x), f);
    return visit_sparse<CsrMatrix>(x, f);
}

struct Options {
    std::string loss = "squared";
    double alpha = 0, step = 0, tol = 1e-8;
    bool fit_intercept = true, accelerated = false;
    Index max_iter = 1000;
};

template <class T>
VectorView<const T> target_view(const py::array& y, Index rows) {
    const MatrixView<const T> view = matrix_view<T>(y, "y");
    if (view.rows != rows || y.ndim() != 1) throw py::value_error("y must have one dimension and as many rows as X");
    return view.column(0);
}

DescentSolution descend(const py::object& x, const py::array& y, const py::object& weight, const Options& o) {
    check_loss(o.loss);
    return visit(x, [&](const auto& matrix) {
        using T = typename std::decay_t<decltype(matrix)>::value_type;
        const auto target = target_view<T>(y, matrix.rows());
        const auto w = vector_view<T>(weight, matrix.rows(), "sample_weight");
        DescentSolution s;
        {
            const py::gil_scoped_release release;
            const CallScope scope;
            const DescentOptions options{o.loss.c_str(), o.alpha, o.fit_intercept, o.accelerated,
                                         o.step,         o.tol,   o.max_iter,      available_threads()};
            s = gradient_descent(matrix, target, w, options);
        }
        raise_if_interrupted(s.status);
        return s;
    });
}

py::tuple fused(const py::object& x, const py::array& y,
                const py::array_t<double, py::array::c_style | py::array::forcecast>& coef, double intercept,
                const py::object& weight, const std::string& loss) {
    check_loss(loss);
    return visit(x, [&](const auto& matrix) {
        using T = typename std::decay_t<decltype(matrix)>::value_type;
        const auto target = target_view<T>(y, matrix.rows());
        const auto w = vector_view<T>(weight, matrix.rows(), "sample_weight");
        if (coef.size() != matrix.cols()) throw py::value_error("coef needs an element for each column of X");
        PassSums pass;
        {
            const py::gil_scoped_release release;
            const CallScope scope;
            pass = fused_pass(matrix, target, w, loss.c_str(), coef.data(), intercept, available_threads());
        }
        if (!(pass.weight_sum > 0)) throw py::value_error("the weights must have a positive sum");
        return py::make_tuple(pass.value, to_array<double>(pass.gradient, {matrix.cols()}), pass.intercept_gradient);
    });
}

}  // namespace

void register_descent(py::module_& m) {
    py::class_<Options>(m, "DescentOptions")
        .def(py::init<>())
        .def_readwrite("loss", &Options::loss)
        .def_readwrite("alpha", &Options::alpha)
        .def_readwrite("step", &Options::step)
        .def_readwrite("tol", &Options::tol)
        .def_readwrite("fit_intercept", &Options::fit_intercept)
        .def_readwrite("accelerated", &Options::accelerated)
        .def_readwrite("max_iter", &Options::max_iter);
    using Solution = DescentSolution;
    py::class_<Solution>(m, "DescentSolution")
        .def_property_readonly(
            "coef", [](const Solution& s) { return to_array<double>(s.coef, {static_cast<Index>(s.coef.size())}); })
        .def_readonly("intercept", &Solution::intercept)
        .def_readonly("objective", &Solution::objective)
        .def_readonly("gradient_norm", &Solution::gradient_norm)
        .def_readonly("iterations", &Solution::iterations)
        .def_property_readonly("status", [](const Solution& s) { return status_name(s.status); });
    m.def("gradient_descent", &descend, py::arg("x"), py::arg("y"), py::arg("sample_weight"), py::arg("options"),
          "Plain or accelerated gradient descent on dense or CSR x.");
    m.def("fused_pass", &fused, py::arg("x"), py::arg("y"), py::arg("coef"), py::arg("intercept") = 0.0,
          py::arg("sample_weight") = py::none(), py::arg("loss") = "squared",
          "Mean loss, its gradient by coef and by the intercept, in one pass over x.");
}

}  // namespace mlcraft::bind
