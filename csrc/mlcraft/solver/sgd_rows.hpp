// The order in which stochastic gradient descent takes the rows, and the rows of one block.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <numeric>
#include <utility>
#include <vector>

#include "mlcraft/core/buffer.hpp"
#include "mlcraft/matrix/csr.hpp"
#include "mlcraft/matrix/dense.hpp"
#include "mlcraft/simd/kernels.hpp"

namespace mlcraft {

// A Fisher-Yates shuffle with the 32-bit xorshift generator of Marsaglia (2003), as in scikit-learn: every epoch
// shuffles what the last one left, from the same seed. Only as far as asked for: the rest is done meanwhile.
class SgdOrder {
public:
    SgdOrder(Index n, const std::uint8_t* left_out, bool shuffle, std::uint32_t seed)
        : left_out_(left_out), shuffle_(shuffle), seed_(seed == 0 ? 1 : seed), index_(static_cast<std::size_t>(n)) {
        std::iota(index_.begin(), index_.end(), 0);
        size_ = n;
        if (left_out != nullptr) {
            for (Index i = 0; i < n; ++i) size_ -= left_out[i] != 0;
            rows_.resize(static_cast<std::size_t>(size_));
        }
    }

    Index size() const { return size_; }  // rows of an epoch
    const std::int32_t* rows() const { return left_out_ == nullptr ? index_.data() : rows_.data(); }
    void begin() {
        shuffled_ = filled_ = 0;
        state_ = seed_;
    }
    void reach(Index count) {  // rows()[0], ..., rows()[count - 1] are known
        const Index n = static_cast<Index>(index_.size());
        while (filled_ < count || (count == size_ && shuffled_ < n)) {
            constexpr Index some = 64;  // where to swap is known before what, so memory is asked for
            const Index begin = shuffled_, end = std::min(n, begin + some);
            std::int32_t* index = index_.data();
            Index other[some];
            for (Index i = begin; shuffle_ && i < end; ++i) {
                other[i - begin] = i + 1 < n ? i + static_cast<Index>(draw() % static_cast<std::uint32_t>(n - i)) : i;
                __builtin_prefetch(index + other[i - begin], 1);
            }
            for (Index i = begin; i < end; ++i) {
                if (shuffle_) std::swap(index[i], index[other[i - begin]]);
                if (left_out_ != nullptr && left_out_[index[i]] == 0)
                    rows_[static_cast<std::size_t>(filled_++)] = index[i];
            }
            shuffled_ = end;
            if (left_out_ == nullptr) filled_ = end;
        }
    }
    Index reached() const { return filled_; }

private:
    std::uint32_t draw() {
        state_ ^= state_ << 13;
        state_ ^= state_ >> 17;
        state_ ^= state_ << 5;
        return state_ & 0x7fffffffu;
    }

    const std::uint8_t* left_out_;
    bool shuffle_;
    std::uint32_t seed_, state_ = 1;
    std::vector<std::int32_t> index_, rows_;
    Index size_ = 0, shuffled_ = 0, filled_ = 0;
};

// Asks for the lines of memory of some elements. The empty statement keeps GCC from dropping calls of a function that
// does nothing else.
template <class T>
inline void ask_for(const T* x, Index count) {
    const char *line = reinterpret_cast<const char*>(x), *end = reinterpret_cast<const char*>(x + count);
    for (; line < end; line += 64) __builtin_prefetch(line);
    __asm__ volatile("");
}

// Some rows, where they lie. A kernel reads whole vectors, so rows too close to the end of X are copied, and those
// whose elements do not lie together.
template <class Matrix>
class SgdRows;

template <class T>
class SgdRows<DenseMatrix<T>> {
public:
    SgdRows(const DenseMatrix<T>& x, Index capacity)
        : x_(x.view()), rows_(static_cast<std::size_t>(capacity)),
          width_((x.cols() + simd::sgd_padding - 1) / simd::sgd_padding * simd::sgd_padding),
          copies_(capacity * width_) {
        const T *first = x_.data, *last = x_.data + (x_.rows - 1) * x_.row_stride;
        end_ = std::max(first, last) + x_.cols;
    }
    static constexpr Index row_bytes(const DenseMatrix<T>& x) { return x.cols() * static_cast<Index>(sizeof(T)); }

    void set(Index slot, Index i) {
        const T* row = x_.data + i * x_.row_stride;
        if (x_.col_stride != 1 || end_ - row < width_) {
            T* copy = copies_.data + slot * width_;
            for (Index j = 0; j < x_.cols; ++j) copy[j] = row[j * x_.col_stride];
            std::fill(copy + x_.cols, copy + width_, T(0));
            row = copy;
        }
        rows_[static_cast<std::size_t>(slot)] = row;
    }
    void run(const simd::SgdRule& rule, simd::SgdModel<T>& model, const simd::SgdBlock& block) const {
        simd::kernels().of<T>().sgd.dense(rule, model, block, rows_.data());
    }
    void ask(Index slot) const { ask_for(rows_[static_cast<std::size_t>(slot)], x_.cols); }
    double dot(Index slot, const T* w) const {
        T sum = 0;
        simd::kernels().of<T>().dots(rows_[static_cast<std::size_t>(slot)], x_.cols, 1, x_.cols, w, &sum);
        return static_cast<double>(sum);
    }

    // out = the sum over the rows [begin, end) of a[k] row_k
    static constexpr bool sums_in_lanes = true;
    void sum(Index begin, Index end, const double* a, T* out) const {
        std::fill(out, out + x_.cols, T(0));
        for (Index k = begin; k < end; ++k) {
            const T factor = static_cast<T>(a[k]);
            simd::kernels().of<T>().rank_one(rows_[static_cast<std::size_t>(k)], x_.cols, &factor, 1, out, 0);
        }
    }

private:
    MatrixView<const T> x_;
    const T* end_;
    std::vector<const T*> rows_;
    Index width_;
    AlignedBuffer<T> copies_;
};

template <class T, class I>
class SgdRows<CsrMatrix<T, I>> {
public:
    SgdRows(const CsrMatrix<T, I>& x, Index capacity) : x_(x), rows_(static_cast<std::size_t>(capacity)) {}
    static constexpr Index row_bytes(const CsrMatrix<T, I>& x) {
        const Index size = static_cast<Index>(sizeof(T) + sizeof(I));
        return x.rows() > 0 ? x.stored() / x.rows() * size : size;
    }

    void set(Index slot, Index i) {
        const auto row = x_.row(i);
        rows_[static_cast<std::size_t>(slot)] = {row.values, row.indices, row.count};
    }
    void run(const simd::SgdRule& rule, simd::SgdModel<T>& model, const simd::SgdBlock& block) const {
        run_rows(rule, model, block, rows_.data());
    }
    void ask(Index slot) const {
        const auto& row = rows_[static_cast<std::size_t>(slot)];
        ask_for(row.values, row.count);
        ask_for(row.indices, row.count);
    }
    double dot(Index slot, const T* w) const {
        const auto& row = rows_[static_cast<std::size_t>(slot)];
        double sum = 0;
        for (Index e = 0; e < row.count; ++e)
            sum += static_cast<double>(row.values[e]) * static_cast<double>(w[row.indices[e]]);
        return sum;
    }

    // One step along the mean of some rows: their sum, of the columns that they touch.
    static constexpr bool sums_in_lanes = false;
    void run_sum(const simd::SgdRule& rule, simd::SgdModel<T>& model, const simd::SgdBlock& block, Index count,
                 const double* a) {
        sum_.resize(static_cast<std::size_t>(x_.cols()));
        seen_.resize(static_cast<std::size_t>(x_.cols()));
        indices_.clear();
        values_.clear();
        for (Index k = 0; k < count; ++k) {
            const auto& row = rows_[static_cast<std::size_t>(k)];
            for (Index e = 0; e < row.count; ++e) {
                const auto j = static_cast<std::size_t>(row.indices[e]);
                if (!seen_[j]) indices_.push_back(row.indices[e]);
                seen_[j] = 1;
                sum_[j] += static_cast<T>(a[k]) * row.values[e];
            }
        }
        for (const I j : indices_) {
            values_.push_back(sum_[static_cast<std::size_t>(j)]);
            sum_[static_cast<std::size_t>(j)] = 0;
            seen_[static_cast<std::size_t>(j)] = 0;
        }
        const simd::SgdSparseRow<T, I> whole{values_.data(), indices_.data(), static_cast<Index>(indices_.size())};
        run_rows(rule, model, block, &whole);
    }

private:
    static void run_rows(const simd::SgdRule& rule, simd::SgdModel<T>& model, const simd::SgdBlock& block,
                         const simd::SgdSparseRow<T, I>* rows) {
        const auto& kernels = simd::kernels().of<T>().sgd;
        if constexpr (sizeof(I) == 4)
            kernels.sparse32(rule, model, block, rows);
        else
            kernels.sparse64(rule, model, block, rows);
    }

    const CsrMatrix<T, I>& x_;
    std::vector<simd::SgdSparseRow<T, I>> rows_;
    std::vector<T> sum_, values_;
    std::vector<std::uint8_t> seen_;
    std::vector<I> indices_;
};

}  // namespace mlcraft
