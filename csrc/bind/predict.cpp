#include "mlcraft/stats/predict.hpp"
#include "arrays.hpp"

namespace mlcraft::bind {
namespace {

// x coef' + intercept as an array of the dtype of x; None when an element is not finite.
template <class Matrix>
py::object predict(const Matrix& x, const py::array& coef, const py::object& intercept) {
    using T = typename Matrix::value_type;
    const bool single = coef.ndim() == 1;
    const Index n = x.rows(), p = x.cols(), k = single ? 1 : coef.shape(0);
    if (!has_type<T>(coef)) throw py::type_error("coef must have the dtype of X");
    if (coef.ndim() > 2 || coef.shape(coef.ndim() - 1) != p)
        throw py::value_error("coef does not fit the columns of X");
    if (!(coef.flags() & py::array::c_style)) throw py::value_error("coef must be in C order");
    std::vector<double> c(static_cast<std::size_t>(k));
    if (PyFloat_Check(intercept.ptr())) {
        std::fill(c.begin(), c.end(), PyFloat_AS_DOUBLE(intercept.ptr()));
    } else {
        const auto a = py::cast<Doubles>(intercept);
        if (a.size() != 1 && a.size() != k) throw py::value_error("intercept does not fit coef");
        for (Index t = 0; t < k; ++t) c[t] = a.data()[a.size() == 1 ? 0 : t];
    }
    py::array_t<T> out(single ? std::vector<py::ssize_t>{n} : std::vector<py::ssize_t>{n, k});
    T* data = out.mutable_data();
    const T* b = static_cast<const T*>(coef.data());
    bool finite = false;
    if (n * p < worth_releasing) {
        finite = predict_linear(x, b, c.data(), k, data, 1);
    } else {
        const py::gil_scoped_release release;
        const CallScope scope;
        finite = predict_linear(x, b, c.data(), k, data, n * p < worth_two_threads ? 1 : available_threads());
    }
    return finite ? py::object(out) : py::none();
}

}  // namespace

void register_predict(py::module_& m) {
    m.def(
        "predict_linear",
        [](const py::object& x, const py::array& coef, const py::object& intercept) {
            return visit_matrix(x, [&](const auto& matrix) { return predict(matrix, coef, intercept); });
        },
        py::arg("x"), py::arg("coef"), py::arg("intercept"),
        "x @ coef.T + intercept for dense or CSR x; None when an element of the result is not finite.");
}

}  // namespace mlcraft::bind
