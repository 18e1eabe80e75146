#include "arrays.hpp"
#include "mlcraft/solver/box_rounds.hpp"
#include "mlcraft/solver/dual_coordinate_descent.hpp"

namespace mlcraft::bind {
namespace {

// y, lower, upper, and, each or nothing, a start, the ridge and the L1 penalties of the columns; epsilon, bias, tol;
// method, iterations, seed.
using Given = std::optional<Doubles>;
using BoxData = std::tuple<Doubles, Doubles, Doubles, Given, Given, Given>;
using BoxNumbers = std::tuple<double, double, double>;
using BoxPlan = std::tuple<std::string, Index, std::uint64_t>;

template <class Matrix>
py::tuple solve_box(const Matrix& x, const BoxData& data, const BoxNumbers& numbers, const BoxPlan& plan,
                    const py::object& callback) {
    const auto& [y, lower, upper, given, ridge, l1] = data;
    const auto& [epsilon, bias, tol] = numbers;
    const auto& [method, max_iter, seed] = plan;
    const Index n = x.rows();
    std::vector<double> start;
    if (given) start.assign(given->data(), given->data() + given->size());
    if (y.size() != n || lower.size() != n || upper.size() != n || (given && given->size() != n))
        throw py::value_error("y, lower, upper and start need an element for each row of X");
    BoxDual<Matrix> problem{x, {y.data(), n, 1}, {lower.data(), n, 1}, {upper.data(), n, 1}, epsilon, bias};
    if ((ridge && ridge->size() != problem.width()) || (l1 && l1->size() != problem.width()))
        throw py::value_error("ridge and l1 need an element for each column of X, and one for the bias");
    problem.ridge = ridge ? ridge->data() : nullptr;
    problem.l1 = l1 ? l1->data() : nullptr;
    BoxSolution s;
    {
        const py::gil_scoped_release release;
        const CallScope scope;
        BoxOptions options{tol, 0, max_iter, seed, available_threads(), {}};
        if (!callback.is_none())
            options.callback = [&](Index iteration, double objective, double gap) {
                const py::gil_scoped_acquire hold;
                return py::cast<bool>(callback(iteration, objective, gap));
            };
        s = method == "interior_point" ? box_by_rounds(problem, options)
                                       : dual_coordinate_descent(problem, start, options);
    }
    if (PyErr_Occurred() != nullptr) throw py::error_already_set();
    return py::make_tuple(vector_of(s.coef), vector_of(s.dual), s.objective, s.gap, s.iterations,
                          status_name(s.status));
}

}  // namespace

void register_svm(py::module_& m) {
    m.def(
        "box_dual",
        [](const py::object& x, const BoxData& data, const BoxNumbers& numbers, const BoxPlan& plan,
           const py::object& callback) -> py::tuple {
            return visit_matrix(x, [&](const auto& matrix) -> py::tuple {
                using Matrix = std::decay_t<decltype(matrix)>;
                if constexpr (std::is_same_v<typename Matrix::value_type, double>)
                    return solve_box(matrix, data, numbers, plan, callback);
                else
                    throw py::type_error("X must be float64");
            });
        },
        py::arg("x"), py::arg("data"), py::arg("numbers"), py::arg("plan"), py::arg("callback") = py::none(),
        "Losses of two slopes: coef with the bias last, dual, objective, duality gap, iterations, status.");
}

}  // namespace mlcraft::bind
