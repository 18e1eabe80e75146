// Losses of two slopes with an L2 penalty (box_dual.hpp) by dual coordinate descent, one row at a time in random order:
// for many columns, or sparse rows. Hsieh, Chang, Lin, Keerthi and Sundararajan (2008); Ho and Lin (2012).
//
// Rows at a bound, or at the kink at zero, whose gradient points firmly outwards are set aside (shrinking) until those
// that are left are solved. It ends when the duality gap over all rows is at most tol times the objective. The order is
// drawn from a counter-based generator: the same seed gives the same bits.
#pragma once

#include "mlcraft/solver/box_dual.hpp"

namespace mlcraft {

// Dense rows must be contiguous. `start`: a point in the boxes to begin at; empty for zero.
template <class Matrix>
BoxSolution dual_coordinate_descent(const BoxDual<Matrix>& problem, const std::vector<double>& start,
                                    const BoxOptions& options);

}  // namespace mlcraft
