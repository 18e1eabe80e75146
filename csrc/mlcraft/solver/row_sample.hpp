// A copy of some rows, spread evenly over all: one at random from each of `count` runs of neighbours, so that sorted
// data are sampled as well as shuffled ones. The choice depends on the sizes alone.
#pragma once

#include <cstdint>
#include <vector>

#include "mlcraft/core/types.hpp"
#include "mlcraft/matrix/csr.hpp"
#include "mlcraft/matrix/dense.hpp"

namespace mlcraft {

inline std::vector<Index> spread_rows(Index rows, Index count) {
    std::vector<Index> chosen(static_cast<std::size_t>(count));
    for (Index k = 0; k < count; ++k) {
        std::uint64_t h = static_cast<std::uint64_t>(k) + 0x9e3779b97f4a7c15u;  // splitmix64
        h = (h ^ (h >> 30)) * 0xbf58476d1ce4e5b9u;
        h = (h ^ (h >> 27)) * 0x94d049bb133111ebu;
        h ^= h >> 31;
        const Index first = k * rows / count, size = (k + 1) * rows / count - first;
        chosen[k] = first + static_cast<Index>(h % static_cast<std::uint64_t>(size));
    }
    return chosen;
}

template <class T>
std::vector<T> take(VectorView<const T> v, const std::vector<Index>& rows) {
    std::vector<T> out;
    if (!v) return out;
    out.reserve(rows.size());
    for (Index i : rows) out.push_back(v[i]);
    return out;
}

template <class Matrix>
class RowSample;

template <class T>
class RowSample<DenseMatrix<T>> {
public:
    RowSample(const DenseMatrix<T>& x, const std::vector<Index>& rows)
        : values_(rows.size() * static_cast<std::size_t>(x.cols())), rows_(static_cast<Index>(rows.size())),
          cols_(x.cols()) {
        const auto view = x.view();
        if (view.col_stride == 1) {
            for (Index k = 0; k < rows_; ++k) {
                const T* row = view.data + rows[k] * view.row_stride;
                std::copy(row, row + cols_, values_.data() + k * cols_);
            }
            return;
        }
        for (Index j = 0; j < cols_; ++j)
            for (Index k = 0; k < rows_; ++k) values_[k * cols_ + j] = view(rows[k], j);
    }
    DenseMatrix<T> matrix() const { return DenseMatrix<T>({values_.data(), rows_, cols_, cols_, 1}); }

private:
    std::vector<T> values_;
    Index rows_, cols_;
};

template <class T, class I>
class RowSample<CsrMatrix<T, I>> {
public:
    RowSample(const CsrMatrix<T, I>& x, const std::vector<Index>& rows)
        : start_{0}, rows_(static_cast<Index>(rows.size())), cols_(x.cols()) {
        for (Index i : rows) {
            x.append_row(i, values_, indices_);
            start_.push_back(static_cast<I>(values_.size()));
        }
    }
    CsrMatrix<T, I> matrix() const { return {values_.data(), indices_.data(), start_.data(), rows_, cols_}; }

private:
    std::vector<T> values_;
    std::vector<I> indices_, start_;
    Index rows_, cols_;
};

}  // namespace mlcraft
