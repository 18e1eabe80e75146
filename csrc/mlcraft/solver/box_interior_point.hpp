// Losses of two slopes with an L2 penalty (box_dual.hpp) by a primal-dual interior-point method: for few columns, dense
// or sparse. Some twenty iterations whatever the scales, each of one weighted Gram; Mehrotra (1992), with the dual of
// Ferris and Munson (2002).
//
// Each b_i is a sum of one or two parts (two where the kink at zero matters: one on each side of it), a part in [l, u]
// with cost c and gradient g = z_i'w + c. With s = b - l, t = u - b and multipliers p, q >= 0 of these, p - q = g at
// all times, the parts of the gap are s p + t q, and a Newton step towards s p = t q = mu is
//   (I + Z' Theta Z) dw = Z' Theta rho,   db = theta (rho - z'dw),   theta = 1 / (p / s + q / t).
#pragma once

#include "mlcraft/solver/box_dual.hpp"

namespace mlcraft {

// `near`: w to begin at; empty for zero.
template <class Matrix>
BoxSolution box_interior_point(const BoxDual<Matrix>& problem, const BoxOptions& options,
                               const std::vector<double>& near = {});

}  // namespace mlcraft
