// Columns that depend on others, read off the Cholesky factor of the Gram matrix and proved on the rows.
//
// The Gram matrix cannot tell a column that depends on others from one that nearly does: it has half the digits. So the
// residual of each suspected dependence x_j s_j = sum_k x_k s_k w_k is computed from the rows, with one correction of
// w, and counts as zero only when rounding explains it, as a pivot of a QR factorisation would.
#pragma once

#include <vector>

#include "mlcraft/solver/orthogonal.hpp"

namespace mlcraft {

struct Dependence {
    std::vector<Index> columns;
    std::vector<double> rows;          // of the factor, columns.size() x features: what cholesky() left of them
    std::vector<double> null_vectors;  // features x columns.size(), column-major, in the coordinates of X
};

// Takes the dependent rows out of `lower` (they become rows of the identity) and fills `found`. False when a dependence
// does not hold to rounding. `tolerance` has an entry for each feature, relative to a column of unit norm.
bool prove_dependence(const RowSource& rows, const OrthogonalProblem& problem, const std::vector<double>& tolerance,
                      std::vector<double>& lower, const std::vector<Index>& columns, Dependence& found);

}  // namespace mlcraft
