// Penalties of the coefficients of one class, through their prox. One indirect call a vector.
#pragma once

#include "mlcraft/core/types.hpp"

namespace mlcraft {

class Penalty {
public:
    virtual ~Penalty() = default;

    virtual double value(const double* b, Index n) const = 0;
    // b becomes the minimiser over u of penalty(u) + sum_j (u_j - b_j)^2 / (2 step_j). Where the step is zero b stays,
    // but for bounds, which hold for all steps.
    virtual void prox(double* b, const double* step, Index n) const = 0;
    // out_j: how far -g_j is from what the subdifferential at b allows; all zero at a minimum of loss + penalty, g the
    // gradient of the loss. `step` is a length of step that suits each coordinate, for penalties known by their prox.
    virtual void violation(const double* b, const double* g, const double* step, double* out, Index n) const = 0;
};

}  // namespace mlcraft
