// Views on memory that somebody else owns. Strides count elements, so C order, F order and slices are the same type.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>

namespace mlcraft {

using Index = std::ptrdiff_t;

inline constexpr Index max_block_rows = 512;  // the most that a sweep over a design matrix takes at a time

inline constexpr double eps = std::numeric_limits<double>::epsilon();

template <class T>
struct VectorView {
    T* data = nullptr;
    Index size = 0;
    Index stride = 1;

    T& operator[](Index i) const { return data[i * stride]; }
    explicit operator bool() const { return data != nullptr; }
    VectorView slice(Index begin, Index count) const { return {data ? data + begin * stride : nullptr, count, stride}; }
};

// The elements one after the other: where they lie, or in `copy`, which has room for them. Null for an absent vector.
template <class T>
const T* contiguous(VectorView<const T> view, T* copy) {
    if (!view || view.stride == 1) return view.data;
    for (Index i = 0; i < view.size; ++i) copy[i] = view[i];
    return copy;
}

template <class T>
struct MatrixView {
    T* data = nullptr;
    Index rows = 0;
    Index cols = 0;
    Index row_stride = 0;
    Index col_stride = 0;

    T& operator()(Index i, Index j) const { return data[i * row_stride + j * col_stride]; }
    MatrixView row_range(Index begin, Index count) const {
        return {data + begin * row_stride, count, cols, row_stride, col_stride};
    }
    VectorView<T> column(Index j) const { return {data + j * col_stride, rows, row_stride}; }
    VectorView<T> row(Index i) const { return {data + i * row_stride, cols, col_stride}; }
};

// What a numerical routine reports; Python turns all but `converged` into a warning that says what to do.
enum class Status { converged, rank_deficient, max_iter, stalled, diverged, separated, not_finite, interrupted };

inline const char* status_name(Status status) {
    switch (status) {
        case Status::converged: return "converged";
        case Status::rank_deficient: return "rank_deficient";
        case Status::max_iter: return "max_iter";
        case Status::stalled: return "stalled";
        case Status::diverged: return "diverged";
        case Status::separated: return "separated";
        case Status::not_finite: return "not_finite";
        case Status::interrupted: return "interrupted";
    }
    return "unknown";
}

}  // namespace mlcraft
