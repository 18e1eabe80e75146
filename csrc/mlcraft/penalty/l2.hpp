// Ridge penalty: value alpha |b|^2 / 2, gradient alpha b; its prox with step t is b / (1 + t alpha).
#pragma once

#include "mlcraft/core/types.hpp"

namespace mlcraft {

struct L2Penalty {
    static constexpr const char* name = "l2";
    double alpha = 0;

    double value(const double* b, Index n) const {
        double sum = 0;
        for (Index j = 0; j < n; ++j) sum += b[j] * b[j];
        return alpha * sum / 2;
    }
    double gradient(double b) const { return alpha * b; }
    double prox(double b, double step) const { return b / (1 + step * alpha); }
};

}  // namespace mlcraft
