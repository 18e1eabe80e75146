// Moments of all rows or of some, made to be merged and removed: products in double whatever the type of the data, rows
// counted, and squares that underflow found.
#pragma once

#include "mlcraft/matrix/csr.hpp"
#include "mlcraft/moments/moments.hpp"

namespace mlcraft {

// `finite` is also false where sums of squares underflow to zero although the values differ.
template <class T>
Moments gather(MatrixView<const T> x, MatrixView<const T> y, VectorView<const T> weight, bool centre, int threads);

// The same of a sparse design.
template <class T, class I>
Moments gather(const CsrMatrix<T, I>& x, MatrixView<const T> y, VectorView<const T> weight, bool centre, int threads);

// The same of the rows listed, in that order; a run of neighbours is not copied, others are in small blocks.
template <class T>
Moments gather_rows(MatrixView<const T> x, MatrixView<const T> y, VectorView<const T> weight, const std::int64_t* rows,
                    Index count, bool centre, int threads);

#define MLCRAFT_GATHER(T)                                                                                        \
    extern template Moments gather<T>(MatrixView<const T>, MatrixView<const T>, VectorView<const T>, bool, int); \
    extern template Moments gather<T, std::int32_t>(const CsrMatrix<T, std::int32_t>&, MatrixView<const T>,      \
                                                    VectorView<const T>, bool, int);                             \
    extern template Moments gather<T, std::int64_t>(const CsrMatrix<T, std::int64_t>&, MatrixView<const T>,      \
                                                    VectorView<const T>, bool, int);                             \
    extern template Moments gather_rows<T>(MatrixView<const T>, MatrixView<const T>, VectorView<const T>,        \
                                           const std::int64_t*, Index, bool, int);
MLCRAFT_GATHER(double)
MLCRAFT_GATHER(float)
#undef MLCRAFT_GATHER

}  // namespace mlcraft
