// Box: 0 where lower <= b <= upper, else infinite. Its prox is the nearest point of the box, whatever the step.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "mlcraft/penalty/penalty.hpp"

namespace mlcraft {

class BoxPenalty final : public Penalty {
public:
    BoxPenalty(std::vector<double> lower, std::vector<double> upper)
        : lower_(std::move(lower)), upper_(std::move(upper)) {}

    double value(const double* b, Index n) const override {
        for (Index j = 0; j < n; ++j)
            if (b[j] < lower_[j] - margin(lower_[j]) || b[j] > upper_[j] + margin(upper_[j])) return INFINITY;
        return 0;
    }
    void prox(double* b, const double*, Index n) const override {
        for (Index j = 0; j < n; ++j) {
            if (b[j] < lower_[j]) b[j] = lower_[j];
            if (b[j] > upper_[j]) b[j] = upper_[j];
        }
    }
    void violation(const double* b, const double* g, const double*, double* out, Index n) const override {
        for (Index j = 0; j < n; ++j) {
            const bool low = b[j] <= lower_[j] + margin(lower_[j]), high = b[j] >= upper_[j] - margin(upper_[j]);
            out[j] = (low && g[j] > 0) || (high && g[j] < 0) ? 0.0 : std::abs(g[j]);
        }
    }

private:
    // scaling there and back moves a bound by a rounding or two
    static double margin(double bound) { return std::isfinite(bound) ? 4 * eps * std::abs(bound) : 0.0; }

    std::vector<double> lower_, upper_;
};

}  // namespace mlcraft
