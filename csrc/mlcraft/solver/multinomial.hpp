// Multinomial logistic regression with an L2 penalty, to a certificate: one coefficient vector b_k and one intercept c_k
// a class,
//
//   sum w_i (logsumexp_k(eta_ik) - eta_iy_i) / sum w_i + alpha sum_k |b_k|^2 / 2,   eta_ik = c_k + x_i'b_k.
//
// L-BFGS in one of three metrics, each dearer and better than the one before: the Hessian without any column, in which
// one Cholesky factor serves all classes (in the spirit of Böhning 1992); the diagonal blocks of the Hessian, a factor a
// class; the Hessian (Newton's method). A sample of the rows is solved first.
#pragma once

#include "mlcraft/solver/smooth.hpp"

namespace mlcraft {

// y holds codes 0 .. classes - 1. In the options `coef` is classes x columns and `intercepts` has one element a class.
template <class Matrix>
SmoothSolution fit_multinomial(const Matrix& x, VectorView<const typename Matrix::value_type> y,
                               VectorView<const typename Matrix::value_type> weight, Index classes,
                               const SmoothOptions& options);

}  // namespace mlcraft
