// Cholesky factorisation of a symmetric positive definite matrix, our own so that its bits do not depend on the number
// of threads that a BLAS happens to use; and what follows from the factor.
#pragma once

#include <vector>

#include "mlcraft/core/types.hpp"

namespace mlcraft {

// A ~ L L' with L lower triangular, in place: reads and writes the lower triangle of the row-major n x n array. False
// when a pivot is not above `smallest_pivot` times its diagonal element (the matrix is singular to working precision).
bool cholesky(double* a, Index n, double smallest_pivot, int threads);

// b := L^-1 b, b := L'^-1 b.
void solve_lower(const double* l, Index n, double* b);
void solve_lower_transposed(const double* l, Index n, double* b);

// Estimate of the reciprocal of the condition number in the 1-norm, 1 / (norm * |(L L')^-1|_1), by Higham's algorithm
// (1988). `norm` is the 1-norm of the matrix that was factorised.
double reciprocal_condition(const double* l, Index n, double norm);

double symmetric_norm1(const double* a, Index n);

}  // namespace mlcraft
