// How many weights are not zero, and the sum of their logarithms, from one logarithm for all of them.
#pragma once

#include <cmath>
#include <cstdint>

#include "mlcraft/core/types.hpp"

namespace mlcraft {

class WeightTally {
public:
    void add(double weight) {
        if (weight == 0) return;
        ++count_;
        int shift = 0, own = 0;
        mantissa_ *= weight > 1e-100 && weight < 1e100 ? weight : std::frexp(weight, &own);
        if (!(mantissa_ > 1e-150 && mantissa_ < 1e150)) mantissa_ = std::frexp(mantissa_, &shift);
        exponent_ += shift + own;
    }
    Index count() const { return count_; }
    double log_sum() const { return std::log(mantissa_) + static_cast<double>(exponent_) * std::log(2.0); }

private:
    Index count_ = 0;
    double mantissa_ = 1;  // the product of all weights is mantissa * 2^exponent
    std::int64_t exponent_ = 0;
};

}  // namespace mlcraft
