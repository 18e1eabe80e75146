// Products of rows with a matrix that has many zeros above and below a band in each column, such as a triangular root.
#pragma once

#include <algorithm>
#include <vector>

#include "mlcraft/core/types.hpp"
#include "mlcraft/simd/kernels.hpp"

namespace mlcraft {

// A (inner x outer, column by column); column r is zero outside [first[r], last[r]). With `group` above one inner is
// padded with zeros to a multiple of it and bands begin and end at multiples: whole sets of the kernel, no remainder.
class Banded {
public:
    Banded(Index inner, Index outer, Index group = 1)
        : inner_((inner + group - 1) / group * group), outer_(outer), group_(group),
          values_(static_cast<std::size_t>(inner_ * outer)), first_(outer, inner_), last_(outer, 0) {}

    void set(Index j, Index r, double value) {
        if (value == 0) return;
        values_[r * inner_ + j] = value;
        first_[r] = std::min(first_[r], j / group_ * group_);
        last_[r] = std::max(last_[r], j / group_ * group_ + group_);
    }

    Index inner() const { return inner_; }  // with the padding
    Index outer() const { return outer_; }

    // out (rows x outer) = X A for X (rows x inner), both column by column.
    void multiply(const double* x, Index ld, Index rows, double* out) const {
        const auto& kernels = simd::kernels().f64;
        for (Index r = 0; r < outer_; ++r) std::fill(out + r * ld, out + r * ld + rows, 0.0);
        for (Index begin = 0; begin < inner_; begin += columns_at_once)
            for (Index r = 0; r < outer_; ++r) {
                const Index from = std::max(begin, first_[r]), to = std::min(begin + columns_at_once, last_[r]);
                if (from >= to) continue;
                kernels.axpys(x + from * ld, ld, to - from, rows, values_.data() + r * inner_ + from, out + r * ld);
            }
    }

private:
    static constexpr Index columns_at_once = 32;  // of a block, so that they stay in the first-level cache

    Index inner_, outer_, group_;
    std::vector<double> values_;
    std::vector<Index> first_, last_;
};

}  // namespace mlcraft
