// min_b 1/2 b'G b - h'b subject to b >= 0, for G symmetric positive semi-definite: least squares with non-negative
// coefficients, on the Gram matrix, never on the rows.
//
// Block principal pivoting (Portugal, Júdice and Vicente 1994; Kim and Park 2011) with Murty's single pivot as its
// guard against cycling; where G is singular on the passive set, Lawson and Hanson's active set (1974).
#pragma once

#include <vector>

#include "mlcraft/core/types.hpp"

namespace mlcraft {

struct NonnegativeSolution {
    std::vector<double> coef;
    std::vector<bool> passive;  // coefficients free to be positive
    Index iterations = 0;
    double violation = 0;  // largest KKT violation: negative gradient on the bound, gradient off it, in the units of h
    Status status = Status::converged;
};

// G is n x n, row-major, with unit diagonal up to scaling (zeros allowed: that coefficient stays at zero).
NonnegativeSolution solve_nonnegative(const double* G, const double* h, Index n, Index max_iter, int threads);

}  // namespace mlcraft
