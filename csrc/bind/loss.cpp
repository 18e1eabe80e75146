#include "mlcraft/loss/loss.hpp"
#include "arrays.hpp"
#include "mlcraft/loss/multinomial.hpp"

namespace mlcraft::bind {

void check_loss(const std::string& name, bool smooth, std::array<std::uintptr_t, 2> user) {
    if (find_loss<double>(name.c_str()) == nullptr) throw py::value_error("there is no loss named '" + name + "'");
    if (name == "user" && (user[0] == 0 || user[1] == 0)) throw py::value_error("the user's loss has no address");
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
    m.def(
        "elementwise",
        [](const std::string& function, const py::array& x) {
            if (function != "exp" && function != "log1p") throw py::value_error("the functions are 'exp' and 'log1p'");
            return has_type<double>(x) ? mapped<double>(function, x) : mapped<float>(function, x);
        },
        py::arg("function"), py::arg("x"), "exp or log1p of a contiguous array, within two units in the last place.");
}

}  // namespace mlcraft::bind
