// Iterative refinement of a weighted ridge fit in twice the working precision.
//
// Minimises sum w_i (y_i - c - (x_i - m)'b)^2 + alpha |b|^2 over (c, b), for any fixed m near the mean. The unknowns,
// the residuals and the gradient are double-double; corrections come from a factor L L' ~ S (X-m)'W(X-m) S + alpha S^2
// in double. Each step contracts the error by about eps times the condition number (of the design for a factor by QR,
// squared for one by Cholesky), until the coefficients are right to the last digit of the data given.
// Björck (1967); Demmel, Hida, Riedy and Li (2009).
#pragma once

#include <vector>

#include "mlcraft/matrix/rows.hpp"

namespace mlcraft {

struct RefinementProblem {
    bool fit_intercept = true;
    double weight_sum = 0;
    const double* mean = nullptr;    // features
    const double* scale = nullptr;   // features: S
    const double* factor = nullptr;  // features x features, lower, row-major
    std::vector<double> alpha;       // one for each target, or one for all
    double contraction = 1;          // bound on how much of the error one step leaves
    int threads = 1;
};

// coef (targets x features, row-major) and centre (targets: c, the fitted value at x = m) are improved in place;
// intercept (targets) receives c - m'b. Returns false, and leaves them as they were, when the corrections do not
// shrink.
bool refine(const RowSource& rows, const RefinementProblem& problem, double* coef, double* centre, double* intercept,
            Index* steps);

}  // namespace mlcraft
