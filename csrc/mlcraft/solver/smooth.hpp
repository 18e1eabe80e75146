// Smooth scalar losses with an L2 penalty, to a certificate:
//
//   sum w_i loss(y_i, eta_i) / sum w_i + alpha |b|^2 / 2 + intercept_alpha c^2 / 2,   eta_i = offset_i + c + x_i'b.
//
// A sample of the rows is solved first; its Hessian, factorised, is the metric of L-BFGS on all rows. The metric is
// made again, from all rows, where that costs less than the iterations it saves (few columns: Newton's method). Wide
// designs take a diagonal metric. Which rows and which metric follows from a model of what a pass and a Gram matrix
// cost.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "mlcraft/core/types.hpp"
#include "mlcraft/solver/metric.hpp"

namespace mlcraft {

// Coordinates and metric at a solution: where fits of the same columns with other weights, or a penalty near it, start.
struct SmoothState {
    Coordinates at;
    Metric metric;
};

// By cost; L-BFGS in a diagonal metric; a Hessian factorised each iteration; conjugate gradients each iteration.
enum class SmoothMethod { cheapest, lbfgs, newton, newton_cg };

struct SmoothOptions {
    std::string loss = "logistic";
    SmoothMethod method = SmoothMethod::cheapest;
    double alpha = 0;
    double intercept_alpha = 0;
    double parameter = 0;                       // of the loss (delta, epsilon)
    std::array<std::uintptr_t, 2> user_loss{};  // addresses of the loss "user", for double and for float
    bool user_hess = true;                      // whether it gives a hessian
    bool fit_intercept = true;
    double tol = 1e-9;
    Index max_iter = 1000;
    int threads = 1;
    Index classes = 2;                         // of the multinomial loss
    std::vector<double> coef;                  // start; empty: none
    std::vector<double> intercepts;            // of the start; one element, or one a class
    std::shared_ptr<const SmoothState> state;  // of another fit of these columns; null: none (scalar losses only)
    bool keep_state = false;                   // whether to leave one: it may take a Gram matrix of all rows
    // (iteration, objective, certificate, passes over all rows so far); true ends the fit
    std::function<bool(Index, double, double, Index)> callback;
};

struct SmoothSolution {
    std::vector<double> coef;
    std::vector<double> intercepts;  // one, or one a class
    double objective = 0;
    double gradient_norm = 0;  // largest element of the gradient in columns of unit variance, relative to the residuals
    Index iterations = 0;      // over all rows
    Index passes = 0;          // over all rows
    Index grams = 0;           // of all rows
    Index sample = 0;          // rows that the start was found on; 0: none
    const char* method = "newton";
    Status status = Status::max_iter;
    std::shared_ptr<const SmoothState> state;  // where asked for and converged
    std::vector<Index> columns;                // separated: whose coefficients run away; not finite: whose squares are
};

template <class Matrix>
SmoothSolution fit_smooth(const Matrix& x, VectorView<const typename Matrix::value_type> y,
                          VectorView<const typename Matrix::value_type> weight,
                          VectorView<const typename Matrix::value_type> offset, const SmoothOptions& options);

}  // namespace mlcraft
