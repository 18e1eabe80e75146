#include "mlcraft/solver/smooth.hpp"
#include "arrays.hpp"
#include "mlcraft/loss/loss.hpp"
#include "mlcraft/solver/multinomial.hpp"
#include "mlcraft/stats/logistic_information.hpp"

namespace mlcraft::bind {
namespace {

SmoothSolution smooth(const py::object& x, const py::array& y, const py::object& weight, const py::object& offset,
                      SmoothOptions options, const py::object& callback) {
    const Index classes = options.loss == "multinomial" ? options.classes : 1;
    if (options.loss == "multinomial" && classes < 2) throw py::value_error("there must be two classes or more");
    if (classes == 1) check_loss(options.loss, true, options.user_loss);
    if (!callback.is_none())
        options.callback = [&](Index iteration, double objective, double certificate, Index passes) {
            const py::gil_scoped_acquire hold;
            return py::cast<bool>(callback(iteration, objective, certificate, passes));
        };
    const auto run = [&](const auto& matrix) {
        using T = typename std::decay_t<decltype(matrix)>::value_type;
        const Index n = matrix.rows();
        if (n == 0) throw py::value_error("X has no rows");
        const auto target = vector_view<T>(y, n, "y"), w = vector_view<T>(weight, n, "sample_weight"),
                   base = vector_view<T>(offset, n, "offset");
        const auto size = [](const auto& v) { return static_cast<Index>(v.size()); };
        if (!options.coef.empty() &&
            (size(options.coef) != classes * matrix.cols() || size(options.intercepts) != classes))
            throw py::value_error("coef needs an element for each class and column of X, intercepts for each class");
        if (options.state && (size(options.state->at.scale) != matrix.cols() ||
                              options.state->at.intercept != options.fit_intercept || classes > 1))
            throw py::value_error("state is of other columns");
        SmoothSolution s;
        {
            const py::gil_scoped_release release;
            const CallScope scope;
            options.threads = threads_for(60.0 * static_cast<double>(classes * n * (matrix.cols() + 8)));
            s = classes > 1 ? fit_multinomial(matrix, target, w, classes, options)
                            : fit_smooth(matrix, target, w, base, options);
        }
        if (PyErr_Occurred() != nullptr) throw py::error_already_set();
        return s;
    };
    return visit_matrix(x, run);
}

py::tuple information(const py::array& x, const py::array& y, const py::object& weight,
                      const py::array_t<double, py::array::c_style>& coef, double intercept, bool centre) {
    const MatrixView<const double> rows = matrix_view<double>(x, "X");
    if (coef.size() != rows.cols) throw py::value_error("coef needs an element for each column of X");
    const LogisticInformation found =
        logistic_information(rows, vector_view<double>(y, rows.rows, "y"),
                             vector_view<double>(weight, rows.rows, "sample_weight"), coef.data(), intercept, centre);
    const Moments& m = found.moments;
    return py::make_tuple(found.sum, found.second, found.certain, m.weight_sum, to_array<double>(m.x_mean, {rows.cols}),
                          to_array<double>(m.xx, {rows.cols, rows.cols}));
}

}  // namespace

void register_smooth(py::module_& m) {
    using Options = SmoothOptions;
    py::class_<SmoothState, std::shared_ptr<SmoothState>>(m, "SmoothState");
    py::enum_<SmoothMethod>(m, "SmoothMethod")
        .value("cheapest", SmoothMethod::cheapest)
        .value("lbfgs", SmoothMethod::lbfgs)
        .value("newton", SmoothMethod::newton)
        .value("newton_cg", SmoothMethod::newton_cg);
    py::class_<Options>(m, "SmoothOptions")
        .def(py::init<>())
        .def_readwrite("loss", &Options::loss)
        .def_readwrite("alpha", &Options::alpha)
        .def_readwrite("intercept_alpha", &Options::intercept_alpha)
        .def_readwrite("parameter", &Options::parameter)
        .def_readwrite("user_loss", &Options::user_loss)
        .def_readwrite("user_hess", &Options::user_hess)
        .def_readwrite("fit_intercept", &Options::fit_intercept)
        .def_readwrite("tol", &Options::tol)
        .def_readwrite("max_iter", &Options::max_iter)
        .def_readwrite("coef", &Options::coef)
        .def_readwrite("intercepts", &Options::intercepts)
        .def_readwrite("classes", &Options::classes)
        .def_readwrite("method", &Options::method)
        .def_readwrite("keep_state", &Options::keep_state)
        .def_property(
            "state", [](const Options& o) { return std::const_pointer_cast<SmoothState>(o.state); },
            [](Options& o, const std::shared_ptr<SmoothState>& state) { o.state = state; });
    using Solution = SmoothSolution;
    py::class_<Solution>(m, "SmoothSolution")
        .def_property_readonly("coef",
                               [](const Solution& s) {
                                   const Index k = static_cast<Index>(s.intercepts.size());
                                   return to_array<double>(s.coef, {k, k ? static_cast<Index>(s.coef.size()) / k : 0});
                               })
        .def_readonly("intercepts", &Solution::intercepts)
        .def_readonly("objective", &Solution::objective)
        .def_readonly("gradient_norm", &Solution::gradient_norm)
        .def_readonly("iterations", &Solution::iterations)
        .def_readonly("passes", &Solution::passes)
        .def_readonly("grams", &Solution::grams)
        .def_readonly("sample", &Solution::sample)
        .def_property_readonly("state", [](const Solution& s) { return std::const_pointer_cast<SmoothState>(s.state); })
        .def_readonly("method", &Solution::method)
        .def_readonly("columns", &Solution::columns)
        .def_property_readonly("status", [](const Solution& s) { return status_name(s.status); });
    m.def("fit_smooth", &smooth, py::arg("x"), py::arg("y"), py::arg("sample_weight"), py::arg("offset"),
          py::arg("options"), py::arg("callback") = py::none(),
          "Smooth scalar losses with an L2 penalty on dense or CSR x.");
    m.def("logistic_information", &information, py::arg("x"), py::arg("y"), py::arg("sample_weight"), py::arg("coef"),
          py::arg("intercept"), py::arg("centre"),
          "(sum w mu, the same over class 1, certain rows, weight sum, mean, xx) of a logistic fit to few rows.");
}

}  // namespace mlcraft::bind
