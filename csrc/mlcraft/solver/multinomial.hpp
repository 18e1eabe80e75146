// Multinomial logistic regression with an L2 penalty, to a certificate: one coefficient vector b_k and one intercept
// c_k a class,
//
//   sum w_i (logsumexp_k(eta_ik) - eta_iy_i) / sum w_i + alpha sum_k |b_k|^2 / 2,   eta_ik = c_k + x_i'b_k.
//
// L-BFGS in a metric: the product of a matrix over the classes and one, factorised, over the columns, which is the
// Hessian where no column matters (in the spirit of Böhning 1992); or the Hessian itself where classes x columns is
// small (Newton's method). A sample of the rows is solved first.
#pragma once

#include "mlcraft/solver/smooth.hpp"

namespace mlcraft {

// y holds codes 0 .. classes - 1. In the options `coef` is classes x columns and `intercepts` has one element a class.
template <class Matrix>
SmoothSolution fit_multinomial(const Matrix& x, VectorView<const typename Matrix::value_type> y,
                               VectorView<const typename Matrix::value_type> weight, Index classes,
                               const SmoothOptions& options);

}  // namespace mlcraft
