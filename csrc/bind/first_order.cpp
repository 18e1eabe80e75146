#include "mlcraft/solver/first_order.hpp"
#include "arrays.hpp"

namespace mlcraft::bind {
namespace {

using Options = FirstOrderOptions;

void check_sizes(const Options& options, Index classes, Index cols) {
    const auto size = [](const auto& v) { return static_cast<Index>(v.size()); };
    if (!options.coef.empty() && (size(options.coef) != classes * cols || size(options.intercepts) != classes))
        throw py::value_error("coef needs an element for each class and column of X, intercepts for each class");
    if (options.penalty == "box" && (size(options.lower) != cols || size(options.upper) != cols))
        throw py::value_error("lower and upper need an element for each column of X");
    if (options.penalty == "group" && size(options.groups) != cols)
        throw py::value_error("groups needs an element for each column of X");
    if (options.penalty == "user" && (options.user_penalty[0] == 0 || options.user_penalty[1] == 0))
        throw py::value_error("the user's penalty has no address");
}

FirstOrderSolution fit(const py::object& x, const py::array& y, const py::object& weight, const py::object& offset,
                       Options options, const py::object& callback) {
    const Index classes = options.loss == "multinomial" ? options.classes : 1;
    if (options.loss == "multinomial" && classes < 2) throw py::value_error("there must be two classes or more");
    if (options.loss != "multinomial") check_loss(options.loss, false, options.user_loss);
    if (!callback.is_none())
        options.callback = [&](Index iteration, double objective, double certificate) {
            const py::gil_scoped_acquire hold;
            return py::cast<bool>(py::bool_(callback(iteration, objective, certificate)));
        };
    const auto run = [&](const auto& matrix) {
        using T = typename std::decay_t<decltype(matrix)>::value_type;
        const Index n = matrix.rows();
        if (n == 0) throw py::value_error("X has no rows");
        check_sizes(options, classes, matrix.cols());
        const auto target = vector_view<T>(y, n, "y"), w = vector_view<T>(weight, n, "sample_weight"),
                   base = vector_view<T>(offset, n, "offset");
        FirstOrderSolution s;
        {
            const py::gil_scoped_release release;
            const CallScope scope;
            options.threads = threads_for(60.0 * static_cast<double>(classes * n * (matrix.cols() + 8)));
            s = fit_first_order(matrix, target, w, base, options);
        }
        if (PyErr_Occurred() != nullptr) throw py::error_already_set();
        return s;
    };
    return visit_matrix(x, run);
}

}  // namespace

void register_first_order(py::module_& m) {
    py::class_<Options> options(m, "FirstOrderOptions");
    options.def(py::init<>());
#define MLCRAFT_FIELD(name) options.def_readwrite(#name, &Options::name)
    // clang-format off
    MLCRAFT_FIELD(loss); MLCRAFT_FIELD(parameter); MLCRAFT_FIELD(classes); MLCRAFT_FIELD(user_loss);
    MLCRAFT_FIELD(smooth); MLCRAFT_FIELD(penalty); MLCRAFT_FIELD(alpha); MLCRAFT_FIELD(l1_ratio);
    MLCRAFT_FIELD(lower); MLCRAFT_FIELD(upper); MLCRAFT_FIELD(groups); MLCRAFT_FIELD(user_penalty);
    MLCRAFT_FIELD(fit_intercept); MLCRAFT_FIELD(coef); MLCRAFT_FIELD(intercepts); MLCRAFT_FIELD(solver);
    MLCRAFT_FIELD(step); MLCRAFT_FIELD(step_rule); MLCRAFT_FIELD(momentum); MLCRAFT_FIELD(beta2);
    MLCRAFT_FIELD(batch_size); MLCRAFT_FIELD(schedule); MLCRAFT_FIELD(power); MLCRAFT_FIELD(average);
    MLCRAFT_FIELD(restart); MLCRAFT_FIELD(seed); MLCRAFT_FIELD(tol); MLCRAFT_FIELD(max_iter);
    MLCRAFT_FIELD(max_time); MLCRAFT_FIELD(trace);
    // clang-format on
#undef MLCRAFT_FIELD
    using Solution = FirstOrderSolution;
    py::class_<Solution>(m, "FirstOrderSolution")
        .def_property_readonly("coef",
                               [](const Solution& s) {
                                   const auto k = static_cast<Index>(s.intercepts.size());
                                   return to_array<double>(s.coef, {k, static_cast<Index>(s.coef.size()) / k});
                               })
        .def_readonly("intercepts", &Solution::intercepts)
        .def_readonly("objective", &Solution::objective)
        .def_readonly("certificate", &Solution::certificate)
        .def_readonly("iterations", &Solution::iterations)
        .def_readonly("passes", &Solution::passes)
        .def_readonly("status", &Solution::status)
        .def_readonly("trace", &Solution::trace);
    m.def("fit_first_order", &fit, py::arg("x"), py::arg("y"), py::arg("sample_weight"), py::arg("offset"),
          py::arg("options"), py::arg("callback") = py::none(),
          "Gradient methods, full-batch and stochastic, for any loss and any penalty with a prox on dense or CSR x.");
}

}  // namespace mlcraft::bind
