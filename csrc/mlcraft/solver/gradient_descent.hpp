// Plain and accelerated gradient descent for sum w_i loss_i / sum w_i + alpha |b|^2 / 2, the intercept not penalised.
//
// Columns are centred and scaled to unit root mean square in the algebra, so that badly scaled data cost nothing; the
// step is 1 / L, L the largest eigenvalue of the scaled Hessian by power iteration, halved when the objective rises.
// Accelerated: Nesterov (1983) with the gradient restart of O'Donoghue and Candès (2015).
#pragma once

#include <vector>

#include "mlcraft/core/types.hpp"
#include "mlcraft/solver/smooth_pass.hpp"

namespace mlcraft {

struct DescentOptions {
    const char* loss = "squared";
    double alpha = 0;
    bool fit_intercept = true;
    bool accelerated = false;
    double step = 0;  // in scaled coordinates; 0: 1 / L
    double tol = 1e-8;
    Index max_iter = 1000;
    int threads = 1;
};

struct DescentSolution {
    std::vector<double> coef;
    double intercept = 0;
    double objective = 0;
    double gradient_norm = 0;  // largest scaled gradient element, relative to its value at zero coefficients
    Index iterations = 0;
    Status status = Status::max_iter;
};

template <class Matrix>
DescentSolution gradient_descent(const Matrix& x, VectorView<const typename Matrix::value_type> y,
                                 VectorView<const typename Matrix::value_type> weight, const DescentOptions& options);

// The value and gradient at one point, in one pass: sum w_i loss_i / sum w_i, and g (features), g_0 for the intercept.
template <class Matrix>
PassSums fused_pass(const Matrix& x, VectorView<const typename Matrix::value_type> y,
                    VectorView<const typename Matrix::value_type> weight, const char* loss, const double* coef,
                    double intercept, int threads);

}  // namespace mlcraft
