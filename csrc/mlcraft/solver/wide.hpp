// More features than rows: b = A' (A A' + alpha I)^-1 y for A = W^(1/2) (X - 1 mean'). Without a penalty and with an
// intercept A A' has the null vector W^(1/2) 1, which is filled in; y has no part along it.
#pragma once

#include "mlcraft/matrix/rows.hpp"
#include "mlcraft/solver/least_squares.hpp"

namespace mlcraft {

void solve_wide(const RowSource& rows, const LeastSquaresOptions& options, LeastSquaresSolution& solution);

}  // namespace mlcraft
