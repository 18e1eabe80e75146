// Losses of two slopes with an L2 penalty (box_dual.hpp), many rows and few columns: rounds of an interior-point
// method, each on the rows that are not settled. Portnoy and Koenker (1997) did so for quantiles.
//
// Most rows are clearly on one side of every kink of their loss, where b is an end of its box or zero; the solution of
// a sample tells which. The others, nearest to a kink, are solved for; the certificate over all rows says whether the
// rest was settled rightly, and rows that were not are solved for in the next round. Where that does not come to an end
// soon, all rows are.
#pragma once

#include "mlcraft/solver/box_dual.hpp"

namespace mlcraft {

template <class Matrix>
BoxSolution box_by_rounds(const BoxDual<Matrix>& problem, const BoxOptions& options);

}  // namespace mlcraft
