#include "mlcraft/loss/loss.hpp"

#include <tuple>

#include "arrays.hpp"
#include "mlcraft/loss/multinomial.hpp"
#include "mlcraft/solver/point.hpp"

namespace mlcraft::bind {

void check_loss(const std::string& name, bool smooth, std::array<std::uintptr_t, 2> user) {
    if (find_loss<double>(name.c_str()) == nullptr) throw py::value_error("there is no loss named '" + name + "'");
    if (name == "user" && user[0] == 0 && user[1] == 0) throw py::value_error("the user's loss has no address");
    if (smooth && !is_smooth_loss(name.c_str())) throw py::value_error("the loss '" + name + "' has no hessian");
}

namespace {

// Rows of the multinomial loss, eta of shape (classes, rows): gradient and probabilities in that shape.
template <class T>
py::tuple multinomial_rows_of(const py::array& y, const py::array& eta, const py::object& weight, bool shares) {
    const MatrixView<const T> view = matrix_view<T>(eta, "eta");
    py::array_t<T> gradient({view.rows, view.cols}), share({shares ? view.rows : 0, view.cols});
    T* out = gradient.mutable_data();
    for (Index k = 0; k < view.rows; ++k)
        for (Index i = 0; i < view.cols; ++i) out[k * view.cols + i] = view(k, i);
    const LossSums sums = multinomial_block<T>(view.cols, view.rows, vector_view<T>(y, view.cols, "y"),
                                               vector_view<T>(weight, view.cols, "sample_weight"), out, view.cols,
                                               shares ? share.mutable_data() : nullptr);
    return py::make_tuple(py::make_tuple(sums.value, sums.gradient, sums.weight), gradient,
                          shares ? py::object(share) : py::none());
}

// The rows of a block: sums (value, gradient, weight), w * gradient, and w * hessian or None.
template <class T>
py::tuple rows_of(const std::string& name, const py::array& y, const py::array& eta, const py::object& weight,
                  double parameter, bool hess, bool scalar, std::array<std::uintptr_t, 2> user) {
    if (name == MultinomialLoss::name) return multinomial_rows_of<T>(y, eta, weight, hess);
    check_loss(name, hess, user);
    const LossBlock<T> block = find_loss<T>(name.c_str(), scalar);
    const Index n = eta.size();
    LossRows<T> rows;
    py::array_t<T> gradient(n), hessian(hess ? n : 0);
    const auto view = vector_view<T>(eta, n, "eta");
    rows.eta = gradient.mutable_data();
    for (Index i = 0; i < n; ++i) rows.eta[i] = view[i];
    rows.count = n;
    rows.y = vector_view<T>(y, n, "y");
    rows.weight = vector_view<T>(weight, n, "sample_weight");
    if (hess) rows.hess = hessian.mutable_data();
    rows.parameter = static_cast<T>(parameter);
    rows.user = user_loss_at<T>(user);
    const LossSums sums = block(rows);
    return py::make_tuple(py::make_tuple(sums.value, sums.gradient, sums.weight), gradient,
                          hess ? py::object(hessian) : py::none());
}

using NamedLoss = std::tuple<std::string, double, std::array<std::uintptr_t, 2>, bool>;

// The mean loss of rows (y, weight, offset) at a point (classes, columns + 1): value, sum of weights and gradient; or
// the Hessian alone.
py::object at_point(const py::object& x, const std::tuple<py::array, py::object, py::object>& given,
                    const Doubles& point, const NamedLoss& named, bool hess) {
    PointLoss loss;
    std::tie(loss.loss, loss.parameter, loss.user_loss, loss.user_hess) = named;
    if (point.ndim() != 2) throw py::value_error("the point must have two dimensions");
    loss.classes = point.shape(0);
    const bool multinomial = loss.loss == MultinomialLoss::name;
    if (multinomial ? loss.classes < 2 || !std::get<2>(given).is_none() : loss.classes != 1)
        throw py::value_error("one row for a scalar loss, two or more and no offset for the multinomial one");
    if (!multinomial) check_loss(loss.loss, hess, loss.user_loss);
    const auto run = [&](const auto& matrix) -> py::object {
        using T = typename std::decay_t<decltype(matrix)>::value_type;
        const Index n = matrix.rows(), step = matrix.cols() + 1, size = loss.classes * step;
        if (point.shape(1) != step) throw py::value_error("the point needs a number for each column and one more");
        const PointRows<T> rows{vector_view<T>(std::get<0>(given), n, "y"),
                                vector_view<T>(std::get<1>(given), n, "sample_weight"),
                                vector_view<T>(std::get<2>(given), n, "offset")};
        const std::vector<double> at(point.data(), point.data() + size);
        PointValue found;
        {
            const py::gil_scoped_release release;
            const CallScope scope;
            const int threads = threads_for(60.0 * static_cast<double>(loss.classes * n * (step + 7)));
            if (hess)
                found.gradient = hessian(matrix, rows, loss, at, threads);
            else
                found = value_and_gradient(matrix, rows, loss, at, threads);
        }
        if (hess) return to_array<double>(found.gradient, {size, size});
        return py::make_tuple(found.value, found.weight_sum, to_array<double>(found.gradient, {loss.classes, step}));
    };
    return visit_matrix(x, run);
}

template <class T>
py::array mapped(const std::string& name, const py::array_t<T, py::array::c_style>& x) {
    py::array_t<T> out(x.size());
    const auto& kernels = simd::kernels().of<T>();
    (name == "exp" ? kernels.exp : kernels.log1p)(x.data(), x.size(), out.mutable_data());
    return out;
}

}  // namespace

void register_loss(py::module_& m) {
    m.def(
        "loss_rows",
        [](const std::string& loss, const py::array& y, const py::array& eta, const py::object& weight,
           double parameter, bool hess, bool scalar, std::array<std::uintptr_t, 2> user) {
            return has_type<double>(eta) ? rows_of<double>(loss, y, eta, weight, parameter, hess, scalar, user)
                                         : rows_of<float>(loss, y, eta, weight, parameter, hess, scalar, user);
        },
        py::arg("loss"), py::arg("y"), py::arg("eta"), py::arg("sample_weight") = py::none(),
        py::arg("parameter") = 0.0, py::arg("hess") = false, py::arg("scalar") = false,
        py::arg("user") = std::array<std::uintptr_t, 2>{},
        "Sums of value, gradient and weight over rows; w * gradient; w * hessian (multinomial: probabilities) or "
        "None.");
    m.def("at_point", &at_point, py::arg("x"), py::arg("rows"), py::arg("point"), py::arg("loss"),
          py::arg("hess") = false,
          "Value, sum of weights and gradient of the mean loss of rows (y, sample_weight, offset), or its Hessian. The "
          "loss is (name, parameter, user's addresses, has_hessian).");
    m.def(
        "elementwise",
        [](const std::string& function, const py::array& x) {
            if (function != "exp" && function != "log1p") throw py::value_error("the functions are 'exp' and 'log1p'");
            return has_type<double>(x) ? mapped<double>(function, x) : mapped<float>(function, x);
        },
        py::arg("function"), py::arg("x"), "exp or log1p of a contiguous array, within two units in the last place.");
}

}  // namespace mlcraft::bind
