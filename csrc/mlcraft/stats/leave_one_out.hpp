// Leave-one-out errors of ridge regression for many penalties from one pass over the rows. With the centred, weighted
// cross-products M = V diag(s) V', the leverage of row i and the error of the fit without it are
//
//   h_i = w_i (1 / sum(w) + sum_j z_ij^2 / (s_j + alpha)),   z_i = V'(x_i - mean),
//   y_i - f_(-i)(x_i) = (y_i - f(x_i)) / (1 - h_i)
//
// (Allen 1974; Golub, Heath and Wahba 1979); the term 1 / sum(w) belongs to an intercept.
#pragma once

#include <vector>

#include "mlcraft/core/types.hpp"
#include "mlcraft/matrix/rows.hpp"

namespace mlcraft {

// For p features, r directions, a penalties and k targets, all row-major.
struct LeaveOneOutPlan {
    Index features = 0, directions = 0, penalties = 0, targets = 0;
    const double* mean = nullptr;             // p
    const double* y_mean = nullptr;           // k
    const double* right = nullptr;            // p x (r + a k): the directions, then the coefficients b(alpha, target)
    const double* leverage_weight = nullptr;  // a x r: 1 / (s_j + alpha) for directions of length one
    double mean_leverage = 0;                 // 1 / sum(w), or 0 without an intercept
    double smallest = 1e-6;                   // rows with 1 - h below it are left to the caller
};

struct LeaveOneOutErrors {
    std::vector<double> squares;                 // a x k: sum_i w_i error_i^2, without what is left to the caller
    std::vector<std::vector<Index>> unreliable;  // a: rows whose 1 - h is lost in rounding
    bool interrupted = false;
};

// `errors`, where not null, receives the n x k x a errors (for unreliable rows too).
LeaveOneOutErrors leave_one_out(const RowSource& rows, const LeaveOneOutPlan& plan, double* errors, int threads);

// out (count x columns) = (x_i - mean)' right for the `count` rows i in `order` (null: the first). `right` is features
// x columns, `mean` may be null. False when interrupted.
bool centred_products(const RowSource& rows, const Index* order, Index count, const double* mean, const double* right,
                      Index columns, double* out, int threads);

}  // namespace mlcraft
