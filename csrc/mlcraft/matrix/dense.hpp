// Dense storage: C order, F order and every strided view of them.
#pragma once

#include <algorithm>
#include <type_traits>
#include <vector>

#include "mlcraft/core/types.hpp"
#include "mlcraft/simd/kernels.hpp"

namespace mlcraft {

// The contract of a design matrix, for rows [begin, begin + count):
//   times             eta += X v
//   transposed_times  g += X' r          (sums over samples in double)
//   times_many, transposed_times_many: the same for K vectors at once, v_k = v + k * cols(), eta_k = eta + k * ld,
//                     r_k = r + k * ld, g_k = G + k * cols()
//   gram              G += X' diag(w) X  (upper triangle, row-major, double; w null: ones)
//   read              dense copy of the rows, column by column
// and by column: dot, axpy, squared norm; by row: dot, axpy. Everything is const and stateless. block_rows() is how
// many rows (at most max_block_rows) a sweep should take at a time.
template <class T>
class DenseMatrix {
public:
    using value_type = T;
    explicit DenseMatrix(MatrixView<const T> view) : view_(view) {}

    Index rows() const { return view_.rows; }
    Index cols() const { return view_.cols; }
    MatrixView<const T> view() const { return view_; }

    // Rows that stay in cache between two uses: close to the size of the first-level cache where rows are contiguous;
    // else the second, and long enough pieces of columns that memory is read well.
    Index block_rows() const {
        const Index cols = std::max<Index>(view_.cols, 1);
        if (view_.col_stride != 1) return std::clamp<Index>((1 << 16) / cols / 16 * 16, 128, max_block_rows);
        const Index elements = cols <= 64 ? 1 << 12 : 1 << 13;
        return std::clamp<Index>(elements / cols / 16 * 16, cols <= 2048 ? 32 : 16, max_block_rows);
    }

    void times(Index begin, Index count, const T* v, T* eta) const {
        const auto& kernels = simd::kernels().of<T>();
        const MatrixView<const T> x = view_.row_range(begin, count);
        if (x.col_stride == 1) {
            kernels.dots(x.data, x.row_stride, count, x.cols, v, eta);
        } else if (x.row_stride == 1) {
            kernels.axpys(x.data, x.col_stride, x.cols, count, v, eta);
        } else {
            for (Index i = 0; i < count; ++i)
                for (Index j = 0; j < x.cols; ++j) eta[i] += x(i, j) * v[j];
        }
    }

    void transposed_times(Index begin, Index count, const T* r, double* g) const {
        const auto& kernels = simd::kernels().of<T>();
        const MatrixView<const T> x = view_.row_range(begin, count);
        T part[part_columns];
        for (Index first = 0; first < x.cols; first += part_columns) {
            const Index cols = std::min(part_columns, x.cols - first);
            std::fill(part, part + cols, T(0));
            const T* data = x.data + first * x.col_stride;
            if (x.col_stride == 1) {
                kernels.axpys(data, x.row_stride, count, cols, r, part);
            } else if (x.row_stride == 1) {
                kernels.dots(data, x.col_stride, cols, count, r, part);
            } else {
                for (Index i = 0; i < count; ++i)
                    for (Index j = 0; j < cols; ++j) part[j] += x(i, first + j) * r[i];
            }
            for (Index j = 0; j < cols; ++j) g[first + j] += static_cast<double>(part[j]);
        }
    }

    // The two products of one sweep over blocks of rows: times, then transposed_times, of the same block. Where rows
    // are contiguous, each asks for half of the next block, so that memory is busy in both; where columns are, the
    // first asks for all of it.
    void sweep_times(Index begin, Index count, const T* v, T* eta) const {
        const auto& kernels = simd::kernels().of<T>();
        const T* x = view_.data + begin * view_.row_stride;
        if (is_contiguous())
            kernels.block_dots(x, count, cols(), v, eta);
        else if (view_.row_stride == 1 && view_.col_stride != 1)
            kernels.block_axpys(x, view_.col_stride, cols(), count, v, eta);
        else
            times(begin, count, v, eta);
    }
    void sweep_transposed_times(Index begin, Index count, const T* r, double* g) const {
        if (!is_contiguous() || cols() > part_columns) return transposed_times(begin, count, r, g);
        T part[part_columns] = {};
        simd::kernels().of<T>().block_sum(view_.data + begin * view_.row_stride, count, cols(), r, part);
        for (Index j = 0; j < cols(); ++j) g[j] += static_cast<double>(part[j]);
    }

    void times_many(Index begin, Index count, const T* v, Index K, T* eta, Index ld) const {
        const auto& kernels = simd::kernels().of<T>();
        const MatrixView<const T> x = view_.row_range(begin, count);
        if (x.col_stride == 1)
            kernels.multi_dots(x.data, x.row_stride, count, x.cols, v, x.cols, K, eta, ld);
        else if (x.row_stride == 1)
            kernels.multi_axpys(x.data, x.col_stride, x.cols, count, v, x.cols, K, eta, ld);
        else
            for (Index k = 0; k < K; ++k) times(begin, count, v + k * x.cols, eta + k * ld);
    }

    void transposed_times_many(Index begin, Index count, const T* r, Index ld, Index K, double* G) const {
        const MatrixView<const T> x = view_.row_range(begin, count);
        if (x.col_stride != 1 && x.row_stride != 1) {
            for (Index k = 0; k < K; ++k) transposed_times(begin, count, r + k * ld, G + k * x.cols);
        } else if constexpr (std::is_same_v<T, double>) {
            add_products(x, r, ld, K, G, x.cols);
        } else {
            constexpr Index most_cols = 256, most_sides = 12;
            T part[most_cols * most_sides];
            for (Index k = 0; k < K; k += most_sides)
                for (Index j = 0; j < x.cols; j += most_cols) {
                    const Index sides = std::min(most_sides, K - k), cols = std::min(most_cols, x.cols - j);
                    std::fill(part, part + sides * cols, T(0));
                    add_products({x.data + j * x.col_stride, count, cols, x.row_stride, x.col_stride}, r + k * ld, ld,
                                 sides, part, cols);
                    for (Index a = 0; a < sides; ++a)
                        for (Index b = 0; b < cols; ++b)
                            G[(k + a) * x.cols + j + b] += static_cast<double>(part[a * cols + b]);
                }
        }
    }

    void gram(Index begin, Index count, const T* w, double* G) const {
        const Index p = view_.cols;
        for (Index i = 0; i < count; ++i)
            for (Index a = 0; a < p; ++a) {
                const double scaled = static_cast<double>(view_(begin + i, a)) * (w ? static_cast<double>(w[i]) : 1.0);
                for (Index b = a; b < p; ++b) G[a * p + b] += scaled * static_cast<double>(view_(begin + i, b));
            }
    }

    void read(Index begin, Index count, double* out, Index ld) const {
        Index done = 0;
        if (view_.col_stride == 1)  // a few rows at a time, so that memory is read in its order
            for (constexpr Index rows = 8; done + rows <= count; done += rows) {
                const T* x = view_.data + (begin + done) * view_.row_stride;
                for (Index j = 0; j < view_.cols; ++j)
                    for (Index i = 0; i < rows; ++i)
                        out[j * ld + done + i] = static_cast<double>(x[i * view_.row_stride + j]);
            }
        for (Index j = 0; j < view_.cols; ++j)
            for (Index i = done; i < count; ++i) out[j * ld + i] = static_cast<double>(view_(begin + i, j));
    }

    double column_dot(Index j, const T* r) const {
        double sum = 0;
        for (Index i = 0; i < view_.rows; ++i) sum += static_cast<double>(view_(i, j)) * static_cast<double>(r[i]);
        return sum;
    }
    void column_axpy(Index j, T a, T* r) const {
        for (Index i = 0; i < view_.rows; ++i) r[i] += a * view_(i, j);
    }
    double column_squared_norm(Index j) const {
        double sum = 0;
        for (Index i = 0; i < view_.rows; ++i)
            sum += static_cast<double>(view_(i, j)) * static_cast<double>(view_(i, j));
        return sum;
    }
    // Some rows in memory of their own.
    struct RowCopy {
        std::vector<T> values;
        Index rows, cols;
        DenseMatrix matrix() const { return DenseMatrix({values.data(), rows, cols, cols, 1}); }
    };
    RowCopy copy_rows(const std::vector<Index>& rows) const {
        RowCopy copy{std::vector<T>(rows.size() * static_cast<std::size_t>(cols())), static_cast<Index>(rows.size()),
                     cols()};
        if (view_.col_stride == 1) {
            for (Index k = 0; k < copy.rows; ++k)
                std::copy_n(view_.data + rows[k] * view_.row_stride, cols(), copy.values.data() + k * cols());
        } else {
            for (Index j = 0; j < cols(); ++j)
                for (Index k = 0; k < copy.rows; ++k) copy.values[k * cols() + j] = view_(rows[k], j);
        }
        return copy;
    }

    double row_squared_norm(Index i) const {
        double sum = 0;
        for (Index j = 0; j < view_.cols; ++j)
            sum += static_cast<double>(view_(i, j)) * static_cast<double>(view_(i, j));
        return sum;
    }
    // The memory of row i, which will be read soon; the empty statement keeps GCC from dropping the call.
    void ask_for_row(Index i) const {
        __asm__ volatile("");
        if (view_.col_stride != 1) return;
        const char* line = reinterpret_cast<const char*>(&view_(i, 0));
        const char* const end = line + view_.cols * static_cast<Index>(sizeof(T));
        for (; line < end; line += 64) __builtin_prefetch(line, 0, 2);
    }
    // sum_j metric_j x_j^2 - shift_j x_j of row i
    double row_form(Index i, const double* metric, const double* shift) const {
        double sum = 0;
        for (Index j = 0; j < view_.cols; ++j) {
            const double x = static_cast<double>(view_(i, j));
            sum += x * (metric[j] * x - shift[j]);
        }
        return sum;
    }
    double row_dot(Index i, const T* v) const {
        double sum = 0;
        if constexpr (std::is_same_v<T, double>)  // in float the kernel's sum would be float
            if (view_.col_stride == 1) {
                simd::kernels().of<T>().dots(&view_(i, 0), view_.row_stride, 1, view_.cols, v, &sum);
                return sum;
            }
        for (Index j = 0; j < view_.cols; ++j) sum += static_cast<double>(view_(i, j)) * static_cast<double>(v[j]);
        return sum;
    }
    void row_axpy(Index i, T a, T* v) const {
        if (view_.col_stride == 1) return simd::kernels().of<T>().rank_one(&view_(i, 0), view_.cols, &a, 1, v, 0);
        for (Index j = 0; j < view_.cols; ++j) v[j] += a * view_(i, j);
    }

private:
    static constexpr Index part_columns = 1024;  // columns whose sums have the type of the data within a block of rows

    // out_k += X' r_k for rows or columns that are contiguous
    static void add_products(MatrixView<const T> x, const T* r, Index ld, Index K, T* out, Index out_stride) {
        const auto& kernels = simd::kernels().of<T>();
        if (x.col_stride == 1)
            kernels.multi_axpys(x.data, x.row_stride, x.rows, x.cols, r, ld, K, out, out_stride);
        else
            kernels.multi_dots(x.data, x.col_stride, x.cols, x.rows, r, ld, K, out, out_stride);
    }

    bool is_contiguous() const { return view_.col_stride == 1 && view_.row_stride == view_.cols; }

    MatrixView<const T> view_;
};

}  // namespace mlcraft
