// Cholesky factorisation of a symmetric positive definite matrix, our own so that its bits do not depend on the number
// of threads that a BLAS happens to use; and what follows from the factor.
#pragma once

#include <vector>

#include "mlcraft/core/types.hpp"

namespace mlcraft {

// A ~ L L' with L lower triangular, in place: reads and writes the lower triangle of the row-major n x n array. False
// when a pivot is not above `smallest_pivot` times its diagonal element (the matrix is singular to working precision).
//
// With `dependent` a column whose pivot is below 1e-11 of its diagonal is taken to depend on those before it: it is
// listed, its pivot and the column below become zero and its row of L is kept (the right-hand side of its dependence).
// Pivots between that and 1e-8 tell neither way, and false is returned.
bool cholesky(double* a, Index n, double smallest_pivot, int threads, std::vector<Index>* dependent = nullptr);

// b := L^-1 b, b := L'^-1 b.
void solve_lower(const double* l, Index n, double* b);
void solve_lower_transposed(const double* l, Index n, double* b);

// Estimate of the reciprocal of the condition number in the 1-norm, 1 / (norm * |(L L')^-1|_1), by Higham's algorithm
// (1988). `norm` is the 1-norm of the matrix that was factorised.
double reciprocal_condition(const double* l, Index n, double norm);

double symmetric_norm1(const double* a, Index n);

}  // namespace mlcraft
