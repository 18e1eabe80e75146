// A separable penalty given by two functions: sum_j value(b_j), and prox(b_j, t) = argmin_u value(u) + (u - b_j)^2 /
// (2 t). How far a point is from a minimum is told by a step of the prox: (b - prox(b - t g, t)) / t.
#pragma once

#include <cmath>
#include <cstdint>

#include "mlcraft/penalty/penalty.hpp"

namespace mlcraft {

class UserPenalty final : public Penalty {
public:
    UserPenalty(std::uintptr_t prox, std::uintptr_t value)
        : prox_(reinterpret_cast<Prox>(prox)), value_(reinterpret_cast<Value>(value)) {}

    double value(const double* b, Index n) const override {
        double sum = 0;
        for (Index j = 0; j < n; ++j) sum += value_(b[j]);
        return sum;
    }
    void prox(double* b, const double* step, Index n) const override {
        for (Index j = 0; j < n; ++j)
            if (step[j] > 0) b[j] = prox_(b[j], step[j]);
    }
    void violation(const double* b, const double* g, const double* step, double* out, Index n) const override {
        for (Index j = 0; j < n; ++j)
            out[j] = step[j] > 0 ? std::abs(b[j] - prox_(b[j] - step[j] * g[j], step[j])) / step[j] : 0.0;
    }

private:
    using Prox = double (*)(double, double);
    using Value = double (*)(double);
    Prox prox_;
    Value value_;
};

}  // namespace mlcraft
