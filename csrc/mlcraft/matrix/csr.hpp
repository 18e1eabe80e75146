// Compressed sparse rows: row i holds values[k] in columns indices[k] for k in [start[i], start[i+1]).
#pragma once

#include <algorithm>
#include <vector>

#include "mlcraft/core/types.hpp"

namespace mlcraft {

template <class T, class I>
class CsrMatrix {  // the contract is that of DenseMatrix
public:
    using value_type = T;
    CsrMatrix(const T* values, const I* indices, const I* start, Index rows, Index cols)
        : values_(values), indices_(indices), start_(start), rows_(rows), cols_(cols) {}

    Index rows() const { return rows_; }
    Index cols() const { return cols_; }
    Index block_rows() const { return max_block_rows; }
    Index stored() const { return static_cast<Index>(start_[rows_]); }

    template <class V>  // vectors may be wider than the data
    void times(Index begin, Index count, const V* v, V* eta) const {
        for (Index i = 0; i < count; ++i) eta[i] += static_cast<V>(row_dot(begin + i, v));
    }
    template <class V>
    void transposed_times(Index begin, Index count, const V* r, double* g) const {
        for (Index i = 0; i < count; ++i) {
            const double a = static_cast<double>(r[i]);
            for (I k = start_[begin + i]; k < start_[begin + i + 1]; ++k)
                g[indices_[k]] += a * static_cast<double>(values_[k]);
        }
    }
    // Four vectors at a time share the reading of the row.
    void times_many(Index begin, Index count, const T* v, Index K, T* eta, Index ld) const {
        Index k = 0;
        for (; k + 4 <= K; k += 4) {
            const T *a = v + k * cols_, *b = a + cols_, *c = b + cols_, *d = c + cols_;
            for (Index i = 0; i < count; ++i) {
                double sum[4] = {};
                for (I m = start_[begin + i]; m < start_[begin + i + 1]; ++m) {
                    const Index j = static_cast<Index>(indices_[m]);
                    const double x = static_cast<double>(values_[m]);
                    sum[0] += x * static_cast<double>(a[j]);
                    sum[1] += x * static_cast<double>(b[j]);
                    sum[2] += x * static_cast<double>(c[j]);
                    sum[3] += x * static_cast<double>(d[j]);
                }
                for (Index q = 0; q < 4; ++q) eta[(k + q) * ld + i] += static_cast<T>(sum[q]);
            }
        }
        for (; k < K; ++k) times(begin, count, v + k * cols_, eta + k * ld);
    }
    void transposed_times_many(Index begin, Index count, const T* r, Index ld, Index K, double* G) const {
        Index k = 0;
        for (; k + 4 <= K; k += 4) {
            double *a = G + k * cols_, *b = a + cols_, *c = b + cols_, *d = c + cols_;
            for (Index i = 0; i < count; ++i) {
                double scale[4];
                for (Index q = 0; q < 4; ++q) scale[q] = static_cast<double>(r[(k + q) * ld + i]);
                for (I m = start_[begin + i]; m < start_[begin + i + 1]; ++m) {
                    const Index j = static_cast<Index>(indices_[m]);
                    const double x = static_cast<double>(values_[m]);
                    a[j] += x * scale[0];
                    b[j] += x * scale[1];
                    c[j] += x * scale[2];
                    d[j] += x * scale[3];
                }
            }
        }
        for (; k < K; ++k) transposed_times(begin, count, r + k * ld, G + k * cols_);
    }
    void gram(Index begin, Index count, const T* w, double* G) const { gram(begin, count, w, 0, cols_, G); }

    // Only rows [first, last) of G, so that threads can share one G.
    void gram(Index begin, Index count, const T* w, Index first, Index last, double* G) const {
        for (Index i = 0; i < count; ++i) {
            const double weight = w ? static_cast<double>(w[i]) : 1.0;
            const I from = start_[begin + i], to = start_[begin + i + 1];
            for (I k = from; k < to; ++k) {
                const Index a = static_cast<Index>(indices_[k]);
                if (a < first || a >= last) continue;
                const double scaled = weight * static_cast<double>(values_[k]);
                double* row = G + a * cols_;
                for (I m = from; m < to; ++m) {  // unsorted and repeated indices are allowed
                    const Index b = static_cast<Index>(indices_[m]);
                    if (b >= a) row[b] += scaled * static_cast<double>(values_[m]);
                }
            }
        }
    }
    void read(Index begin, Index count, double* out, Index ld) const {
        for (Index j = 0; j < cols_; ++j) std::fill(out + j * ld, out + j * ld + count, 0.0);
        for (Index i = 0; i < count; ++i)
            for (I k = start_[begin + i]; k < start_[begin + i + 1]; ++k)
                out[static_cast<Index>(indices_[k]) * ld + i] += static_cast<double>(values_[k]);
    }

    // out += w * (values of row i)^2, by column
    void add_squares(Index i, double w, double* out) const {
        for (I k = start_[i]; k < start_[i + 1]; ++k)
            out[indices_[k]] += w * static_cast<double>(values_[k]) * static_cast<double>(values_[k]);
    }

    // sums += w * (values of row i), squares += w * (values of row i)^2, by column
    void add_sums(Index i, double w, double* sums, double* squares) const {
        for (I k = start_[i]; k < start_[i + 1]; ++k) {
            const double value = static_cast<double>(values_[k]);
            sums[indices_[k]] += w * value;
            squares[indices_[k]] += w * value * value;
        }
    }

    double column_dot(Index j, const T* r) const {
        double sum = 0;
        for (Index i = 0; i < rows_; ++i)
            for (I k = start_[i]; k < start_[i + 1]; ++k)
                if (static_cast<Index>(indices_[k]) == j)
                    sum += static_cast<double>(values_[k]) * static_cast<double>(r[i]);
        return sum;
    }
    void column_axpy(Index j, T a, T* r) const {
        for (Index i = 0; i < rows_; ++i)
            for (I k = start_[i]; k < start_[i + 1]; ++k)
                if (static_cast<Index>(indices_[k]) == j) r[i] += a * values_[k];
    }
    double column_squared_norm(Index j) const {
        double sum = 0;
        for (Index i = 0; i < rows_; ++i) {
            double value = 0;
            for (I k = start_[i]; k < start_[i + 1]; ++k)
                if (static_cast<Index>(indices_[k]) == j) value += static_cast<double>(values_[k]);
            sum += value * value;
        }
        return sum;
    }
    struct Row {
        const T* values;
        const I* indices;
        Index count;
    };
    Row row(Index i) const {
        return {values_ + start_[i], indices_ + start_[i], static_cast<Index>(start_[i + 1] - start_[i])};
    }

    // Some rows in memory of their own.
    struct RowCopy {
        std::vector<T> values;
        std::vector<I> indices, start;
        Index cols;
        CsrMatrix matrix() const {
            return {values.data(), indices.data(), start.data(), static_cast<Index>(start.size()) - 1, cols};
        }
    };
    RowCopy copy_rows(const std::vector<Index>& rows) const {
        RowCopy copy{{}, {}, {I(0)}, cols_};
        for (const Index i : rows) {
            copy.values.insert(copy.values.end(), values_ + start_[i], values_ + start_[i + 1]);
            copy.indices.insert(copy.indices.end(), indices_ + start_[i], indices_ + start_[i + 1]);
            copy.start.push_back(static_cast<I>(copy.values.size()));
        }
        return copy;
    }

    double row_squared_norm(Index i) const {  // of a row without repeated indices
        double sum = 0;
        for (I k = start_[i]; k < start_[i + 1]; ++k)
            sum += static_cast<double>(values_[k]) * static_cast<double>(values_[k]);
        return sum;
    }
    // The memory of row i, which will be read soon; the empty statement keeps GCC from dropping the call.
    void ask_for_row(Index i) const {
        __asm__ volatile("");
        constexpr I line = 64 / sizeof(T);
        for (I k = start_[i]; k < start_[i + 1]; k += line) {
            __builtin_prefetch(values_ + k, 0, 2);
            __builtin_prefetch(indices_ + k, 0, 2);
        }
    }
    // sum_j metric_j x_j^2 - shift_j x_j of row i, without repeated indices
    double row_form(Index i, const double* metric, const double* shift) const {
        double sum = 0;
        for (I k = start_[i]; k < start_[i + 1]; ++k) {
            const double x = static_cast<double>(values_[k]);
            sum += x * (metric[indices_[k]] * x - shift[indices_[k]]);
        }
        return sum;
    }
    template <class V>
    double row_dot(Index i, const V* v) const {
        double sum = 0;
        for (I k = start_[i]; k < start_[i + 1]; ++k)
            sum += static_cast<double>(values_[k]) * static_cast<double>(v[indices_[k]]);
        return sum;
    }
    void row_axpy(Index i, T a, T* v) const {
        for (I k = start_[i]; k < start_[i + 1]; ++k) v[indices_[k]] += a * values_[k];
    }

private:
    const T* values_;
    const I* indices_;
    const I* start_;
    Index rows_, cols_;
};

}  // namespace mlcraft
