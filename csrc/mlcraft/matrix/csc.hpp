// Compressed sparse columns with row indices in ascending order: column j holds values[k] in rows indices[k] for k in
// [start[j], start[j+1]).
#pragma once

#include <algorithm>
#include <utility>

#include "mlcraft/core/types.hpp"

namespace mlcraft {

template <class T, class I>
class CscMatrix {  // the contract is that of DenseMatrix
public:
    using value_type = T;
    CscMatrix(const T* values, const I* indices, const I* start, Index rows, Index cols)
        : values_(values), indices_(indices), start_(start), rows_(rows), cols_(cols) {}

    Index rows() const { return rows_; }
    Index cols() const { return cols_; }

    void times(Index begin, Index count, const T* v, T* eta) const {
        for (Index j = 0; j < cols_; ++j) {
            const auto [from, to] = range(j, begin, count);
            for (const I* k = from; k < to; ++k) eta[static_cast<Index>(*k) - begin] += value(k) * v[j];
        }
    }
    void transposed_times(Index begin, Index count, const T* r, double* g) const {
        for (Index j = 0; j < cols_; ++j) {
            const auto [from, to] = range(j, begin, count);
            double sum = 0;
            for (const I* k = from; k < to; ++k)
                sum += static_cast<double>(value(k)) * static_cast<double>(r[static_cast<Index>(*k) - begin]);
            g[j] += sum;
        }
    }
    void gram(Index begin, Index count, const T* w, double* G) const {
        for (Index a = 0; a < cols_; ++a) {
            const auto [from, to] = range(a, begin, count);
            for (Index b = a; b < cols_; ++b) {  // two ascending lists of rows, merged
                const auto [other, end] = range(b, begin, count);
                const I *k = from, *m = other;
                double sum = 0;
                while (k < to && m < end) {
                    if (*k == *m) {
                        sum += static_cast<double>(value(k++)) * static_cast<double>(value(m)) *
                               (w ? static_cast<double>(w[static_cast<Index>(*m) - begin]) : 1.0);
                        ++m;
                    } else if (*k < *m) {
                        ++k;
                    } else {
                        ++m;
                    }
                }
                G[a * cols_ + b] += sum;
            }
        }
    }
    void read(Index begin, Index count, double* out, Index ld) const {
        for (Index j = 0; j < cols_; ++j) {
            std::fill(out + j * ld, out + j * ld + count, 0.0);
            const auto [from, to] = range(j, begin, count);
            for (const I* k = from; k < to; ++k)
                out[j * ld + static_cast<Index>(*k) - begin] = static_cast<double>(value(k));
        }
    }

    double column_dot(Index j, const T* r) const {
        double sum = 0;
        for (I k = start_[j]; k < start_[j + 1]; ++k)
            sum += static_cast<double>(values_[k]) * static_cast<double>(r[indices_[k]]);
        return sum;
    }
    void column_axpy(Index j, T a, T* r) const {
        for (I k = start_[j]; k < start_[j + 1]; ++k) r[indices_[k]] += a * values_[k];
    }
    double column_squared_norm(Index j) const {
        double sum = 0;
        for (I k = start_[j]; k < start_[j + 1]; ++k)
            sum += static_cast<double>(values_[k]) * static_cast<double>(values_[k]);
        return sum;
    }
    double row_dot(Index i, const T* v) const {
        double sum = 0;
        for (Index j = 0; j < cols_; ++j) {
            const auto [from, to] = range(j, i, 1);
            if (from < to) sum += static_cast<double>(value(from)) * static_cast<double>(v[j]);
        }
        return sum;
    }
    void row_axpy(Index i, T a, T* v) const {
        for (Index j = 0; j < cols_; ++j) {
            const auto [from, to] = range(j, i, 1);
            if (from < to) v[j] += a * value(from);
        }
    }

private:
    std::pair<const I*, const I*> range(Index j, Index begin, Index count) const {
        const I *from = indices_ + start_[j], *to = indices_ + start_[j + 1];
        if (begin > 0) from = std::lower_bound(from, to, static_cast<I>(begin));
        if (begin + count < rows_) to = std::lower_bound(from, to, static_cast<I>(begin + count));
        return {from, to};
    }
    T value(const I* index) const { return values_[index - indices_]; }

    const T* values_;
    const I* indices_;
    const I* start_;
    Index rows_, cols_;
};

}  // namespace mlcraft
