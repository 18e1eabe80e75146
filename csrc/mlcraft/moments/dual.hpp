// The n x n Gram matrix of the rows, for problems with more features than rows:
//   K_ij = sqrt(w_i w_j) (x_i - mean)'(x_j - mean).
#pragma once

#include <vector>

#include "mlcraft/core/types.hpp"
#include "mlcraft/matrix/rows.hpp"

namespace mlcraft {

// root_weight: sqrt(w), n. The result is n x n, symmetric, row-major.
std::vector<double> dual_gram(const RowSource& rows, const double* mean, const double* root_weight, int threads);

}  // namespace mlcraft
