// Elastic net: l1 |b|_1 + l2 |b|^2 / 2, so the lasso (l2 = 0), ridge (l1 = 0) and no penalty (both 0) as well. Its prox
// with step t is sign(b) max(0, |b| - t l1) / (1 + t l2) (Zou and Hastie 2005; Parikh and Boyd 2014).
#pragma once

#include <algorithm>
#include <cmath>

#include "mlcraft/penalty/penalty.hpp"

namespace mlcraft {

class ElasticNetPenalty final : public Penalty {
public:
    ElasticNetPenalty(double l1, double l2) : l1_(l1), l2_(l2) {}

    double value(const double* b, Index n) const override {
        double size = 0, square = 0;
        for (Index j = 0; j < n; ++j) {
            size += std::abs(b[j]);
            square += b[j] * b[j];
        }
        return (l1_ > 0 ? l1_ * size : 0.0) + (l2_ > 0 ? l2_ * square / 2 : 0.0);
    }
    void prox(double* b, const double* step, Index n) const override {
        if (l1_ == 0 && l2_ == 0) return;
        for (Index j = 0; j < n; ++j) {
            const double size = std::abs(b[j]) - step[j] * l1_;
            b[j] = size <= 0 ? 0.0 : std::copysign(size, b[j]) / (1 + step[j] * l2_);
        }
    }
    void violation(const double* b, const double* g, const double*, double* out, Index n) const override {
        for (Index j = 0; j < n; ++j) {
            const double slope = g[j] + l2_ * b[j];
            const double beyond = b[j] > 0 ? slope + l1_ : b[j] < 0 ? slope - l1_ : std::abs(slope) - l1_;
            out[j] = b[j] == 0 && beyond < 0 ? 0.0 : std::abs(beyond);
        }
    }

private:
    double l1_, l2_;
};

}  // namespace mlcraft
