// Moments of a design in compressed sparse rows, centred algebraically.
#pragma once

#include "mlcraft/matrix/csr.hpp"
#include "mlcraft/moments/moments.hpp"

namespace mlcraft {

template <class T, class I>
Moments sparse_moments(const CsrMatrix<T, I>& x, MatrixView<const T> y, VectorView<const T> weight, bool centre,
                       int threads);

// Only what an iterative solver needs: weight_sum, means, the diagonal of xx (in x_size: its square root) and yy.
template <class T, class I>
Moments sparse_means(const CsrMatrix<T, I>& x, MatrixView<const T> y, VectorView<const T> weight, bool centre);

#define MLCRAFT_SPARSE_MOMENTS(T, I)                                                                               \
    extern template Moments sparse_moments<T, I>(const CsrMatrix<T, I>&, MatrixView<const T>, VectorView<const T>, \
                                                 bool, int);                                                       \
    extern template Moments sparse_means<T, I>(const CsrMatrix<T, I>&, MatrixView<const T>, VectorView<const T>, bool);
MLCRAFT_SPARSE_MOMENTS(double, std::int32_t)
MLCRAFT_SPARSE_MOMENTS(double, std::int64_t)
MLCRAFT_SPARSE_MOMENTS(float, std::int32_t)
MLCRAFT_SPARSE_MOMENTS(float, std::int64_t)
#undef MLCRAFT_SPARSE_MOMENTS

}  // namespace mlcraft
