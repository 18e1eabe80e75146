// NumPy arrays and SciPy sparse matrices as views, without a copy. Only shapes and dtypes are checked here.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "mlcraft/core/threads.hpp"
#include "mlcraft/core/types.hpp"
#include "mlcraft/matrix/csc.hpp"
#include "mlcraft/matrix/csr.hpp"
#include "mlcraft/matrix/dense.hpp"

namespace mlcraft::bind {

namespace py = pybind11;
using Doubles = py::array_t<double, py::array::c_style | py::array::forcecast>;

template <class T>
bool has_type(const py::array& a) {
    return a.dtype().is(py::dtype::of<T>()) || py::isinstance<py::array_t<T>>(a);
}

template <class T>
Index stride(const py::array& a, int axis, const char* name) {
    const Index bytes = a.strides(axis), size = static_cast<Index>(sizeof(T));
    if (bytes % size != 0 || reinterpret_cast<std::uintptr_t>(a.data()) % alignof(T) != 0)
        throw py::value_error(std::string(name) + " is not aligned to its dtype; pass np.ascontiguousarray(" + name +
                              ")");
    return bytes / size;
}

template <class T>
MatrixView<const T> matrix_view(const py::array& a, const char* name) {
    if (!has_type<T>(a)) throw py::type_error(std::string(name) + " must have the dtype of X (float32 or float64)");
    const T* data = static_cast<const T*>(a.data());
    if (a.ndim() == 1) return {data, a.shape(0), 1, stride<T>(a, 0, name), 1};
    if (a.ndim() != 2) throw py::value_error(std::string(name) + " must have one or two dimensions");
    MatrixView<const T> view{data, a.shape(0), a.shape(1), stride<T>(a, 0, name), stride<T>(a, 1, name)};
    if (view.rows <= 1) view.row_stride = view.cols * view.col_stride;  // NumPy leaves these strides undefined
    if (view.cols <= 1) view.col_stride = 1;
    return view;
}

template <class T>
VectorView<const T> vector_view(const py::object& object, Index size, const char* name) {
    if (object.is_none()) return {};
    const auto a = py::cast<py::array>(object);
    if (!has_type<T>(a)) throw py::type_error(std::string(name) + " must have the dtype of X (float32 or float64)");
    if (a.ndim() != 1 || a.shape(0) != size)
        throw py::value_error(std::string(name) + " must have one dimension and as many elements as X has rows");
    return {static_cast<const T*>(a.data()), size, stride<T>(a, 0, name)};
}

inline py::array sparse_part(const py::object& x, const char* name) {
    return py::array::ensure(x.attr(name), py::array::c_style);
}

// Calls visit(matrix) with the view of a compressed sparse matrix; its arrays are kept alive meanwhile.
template <template <class, class> class Sparse, class T, class I, class Visit>
auto visit_compressed(const py::array& data, const py::array& indices, const py::array& start, Index rows, Index cols,
                      Visit&& visit) {
    const Sparse<T, I> matrix(static_cast<const T*>(data.data()), static_cast<const I*>(indices.data()),
                              static_cast<const I*>(start.data()), rows, cols);
    return visit(matrix);
}

// SciPy does not look at the indices it is given; a kernel would follow them out of the arrays.
template <class I>
void check_sparse(const py::array& data, const py::array& indices, const py::array& start, Index major, Index minor) {
    const I *index = static_cast<const I*>(indices.data()), *from = static_cast<const I*>(start.data());
    bool good = start.size() == major + 1 && from[0] == 0;
    for (Index i = 0; good && i < major; ++i) good = from[i] <= from[i + 1];
    good = good && static_cast<Index>(from[major]) <= std::min<Index>(data.size(), indices.size());
    I low = 0, high = 0;
    for (Index k = 0, stored = good ? static_cast<Index>(from[major]) : 0; k < stored; ++k) {
        low = std::min(low, index[k]);
        high = std::max(high, static_cast<I>(index[k] + 1));
    }
    if (!good || low < 0 || static_cast<Index>(high) > minor)
        throw py::value_error("the indices of the sparse X are not within its shape; X.check_format() tells more");
}

template <template <class, class> class Sparse, class Visit>
auto visit_sparse(const py::object& x, Visit&& visit) {
    const py::array data = sparse_part(x, "data"), indices = sparse_part(x, "indices"),
                    start = sparse_part(x, "indptr");
    const auto shape = py::cast<std::pair<Index, Index>>(x.attr("shape"));
    const bool narrow = has_type<std::int32_t>(indices) && has_type<std::int32_t>(start);
    if (!narrow && !(has_type<std::int64_t>(indices) && has_type<std::int64_t>(start)))
        throw py::type_error("indices and indptr of a sparse X must both be int32 or both int64");
    constexpr bool by_columns = std::is_same_v<Sparse<double, std::int32_t>, CscMatrix<double, std::int32_t>>;
    const Index major = by_columns ? shape.second : shape.first, minor = by_columns ? shape.first : shape.second;
    const auto with = [&]<class T, class I>(T, I) {
        check_sparse<I>(data, indices, start, major, minor);
        return visit_compressed<Sparse, T, I>(data, indices, start, shape.first, shape.second, visit);
    };
    if (has_type<double>(data)) return narrow ? with(0.0, std::int32_t{}) : with(0.0, std::int64_t{});
    if (!has_type<float>(data)) throw py::type_error("X must be float32 or float64");
    return narrow ? with(0.0F, std::int32_t{}) : with(0.0F, std::int64_t{});
}

template <class Visit>
auto visit_dense(const py::array& x, Visit&& visit) {
    if (x.ndim() != 2) throw py::value_error("X must have two dimensions");
    if (has_type<double>(x)) return visit(DenseMatrix<double>(matrix_view<double>(x, "X")));
    if (has_type<float>(x)) return visit(DenseMatrix<float>(matrix_view<float>(x, "X")));
    throw py::type_error("X must be float32 or float64");
}

// Calls visit(matrix) for a dense array of two dimensions or a CSR matrix.
template <class Visit>
auto visit_matrix(const py::object& x, Visit&& visit) {
    return py::isinstance<py::array>(x) ? visit_dense(py::cast<py::array>(x), visit)
                                        : visit_sparse<CsrMatrix>(x, visit);
}

template <class T>
py::array_t<T> to_array(const std::vector<double>& values, std::vector<Index> shape) {
    py::array_t<T> out(std::vector<py::ssize_t>(shape.begin(), shape.end()));
    T* data = out.mutable_data();
    for (std::size_t i = 0; i < values.size(); ++i) data[i] = static_cast<T>(values[i]);
    return out;
}

inline py::array vector_of(const std::vector<double>& v) { return to_array<double>(v, {static_cast<Index>(v.size())}); }

inline void raise_if_interrupted(Status status) {
    if (status == Status::interrupted) throw py::error_already_set();
}

// Throws where there is no loss of that name, or, if a smooth one is wanted, where it is not; see LossRows::user.
void check_loss(const std::string& name, bool smooth = false, std::array<std::uintptr_t, 2> user = {});

// One function for each noun, called once by module.cpp.
using Register = void(py::module_&);
Register register_least_squares, register_moments, register_matrix, register_first_order, register_loss,
    register_metrics, register_predict, register_influence, register_stats, register_ridge_path, register_sgd,
    register_smooth, register_svm, register_system;

}  // namespace mlcraft::bind
