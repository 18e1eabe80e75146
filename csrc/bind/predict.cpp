#include <cmath>

#include "arrays.hpp"

namespace mlcraft::bind {
namespace {

constexpr Index release_from = 20'000;   // elements from which letting go of the interpreter pays
constexpr Index threads_from = 400'000;  // elements from which a second thread pays
constexpr Index block = 256;

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
        const auto a = py::cast<py::array_t<double, py::array::c_style | py::array::forcecast>>(intercept);
        if (a.size() != 1 && a.size() != k) throw py::value_error("intercept does not fit coef");
        for (Index t = 0; t < k; ++t) c[t] = a.data()[a.size() == 1 ? 0 : t];
    }
    py::array_t<T> out(single ? std::vector<py::ssize_t>{n} : std::vector<py::ssize_t>{n, k});
    T* data = out.mutable_data();
    const T* b = static_cast<const T*>(coef.data());
    const Index blocks = (n + block - 1) / block;
    std::vector<char> finite(static_cast<std::size_t>(blocks), 1);
    const auto task = [&](Index index) {
        const Index begin = index * block, count = std::min(block, n - begin);
        T eta[block];
        for (Index t = 0; t < k; ++t) {
            std::fill(eta, eta + count, T(0));
            x.times(begin, count, b + t * p, eta);
            const T offset = static_cast<T>(c[t]);
            T check = 0;
            for (Index i = 0; i < count; ++i) {
                const T value = eta[i] + offset;
                check += value * T(0);
                data[(begin + i) * k + t] = value;
            }
            if (check != T(0)) finite[index] = 0;
        }
    };
    if (n * p < release_from) {
        for (Index index = 0; index < blocks; ++index) task(index);
    } else {
        const py::gil_scoped_release release;
        const CallScope scope;
        parallel_tasks(blocks, n * p < threads_from ? 1 : available_threads(), task);
    }
    for (char f : finite)
        if (!f) return py::none();
    return out;
}

}  // namespace

void register_predict(py::module_& m) {
    m.def(
        "predict_linear",
        [](const py::object& x, const py::array& coef, const py::object& intercept) {
            const auto run = [&](const auto& matrix) { return predict(matrix, coef, intercept); };
            if (py::isinstance<py::array>(x)) return visit_dense(py::cast<py::array>(x), run);
            return visit_sparse<CsrMatrix>(x, run);
        },
        py::arg("x"), py::arg("coef"), py::arg("intercept"),
        "x @ coef.T + intercept for dense or CSR x; None when an element of the result is not finite.");
}

}  // namespace mlcraft::bind
