// What a fit leaves unexplained, for standard errors:
//
//   total = sum w (y - y_mean)^2,   residual = sum w (y - c - x'b)^2   (y_mean = 0 without an intercept).
//
// From the moments alone residual = total - b'xy - alpha |b|^2 at the optimum. That cancels where the fit is close, and
// then the rows are read once more. Near the optimum the residual sum is quadratic in the coefficients, so their
// rounding does not show in it.
#pragma once

#include "mlcraft/matrix/rows.hpp"
#include "mlcraft/moments/moments.hpp"
#include "mlcraft/solver/least_squares.hpp"

namespace mlcraft {

// Fills solution.sums. `rows` may be null: then the moments alone must do. A fit is close when `close` or less of the
// squares it is made of is left; what the moments say of the rest has their rounding divided by that.
inline constexpr double close_in_double = 2e-4, close_in_single = 1e-2;
void find_sums_of_squares(const Moments& moments, const RowSource* rows, const LeastSquaresOptions& options,
                          double close, LeastSquaresSolution& solution);

// residual (targets), from the rows; residuals in extended precision if asked for.
std::vector<double> residual_squares(const RowSource& rows, const double* mean, const LeastSquaresSolution& solution,
                                     bool extended, int threads);

// samples and log_weight
void count_weighted_rows(const RowSource& rows, SumsOfSquares& sums);

}  // namespace mlcraft
