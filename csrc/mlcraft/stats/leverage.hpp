// What single rows do to a least-squares fit, from its factor: one pass over the rows, a block at a time.
//
// With d_i = x_i - mean, M = D'WD + alpha I and K with K K' = M^+ (the whitener), row i has
//
//   leverage      h_i = w_i (1 / W + q_i),  q_i = d_i'M^+ d_i = |K'd_i|^2     (1 / W with an intercept only)
//   direction     u_i = M^+ d_i = K (K'd_i)
//   without it    b_(i) = b - u_i w_i e_i / (1 - h_i)                          (Sherman and Morrison 1950)
//
// (Belsley, Kuh and Welsch 1980, chapter 2). h_i carries an error of eps times the condition of M. `whitened_gram`
// takes it away: with C C' = K'MK, which is I but for rounding, K C^-T is a whitener to working precision (CholeskyQR2,
// Yamamoto et al. 2015), as long as that condition is below 1 / eps.
#pragma once

#include <vector>

#include "mlcraft/core/types.hpp"
#include "mlcraft/matrix/rows.hpp"

namespace mlcraft {

// The columns of X seen through a fit. The arrays belong to the caller.
struct Whitener {
    const double* root = nullptr;  // K: features x rank, row-major
    Index rank = 0;
    const double* mean = nullptr;  // features
};

// Where the results go; null for what is not wanted. All row-major.
struct RowInfluence {
    double* quadratic = nullptr;   // rows: q_i
    double* fit = nullptr;         // rows x targets: d_i'b
    double* square = nullptr;      // rows: |u_i|^2
    double* projection = nullptr;  // rows x targets: u_i'b
    double* direction = nullptr;   // rows x features: u_i
};

// coef: targets x features, row-major. Status::interrupted or converged.
Status row_influence(const RowSource& rows, const Whitener& whitener, const double* coef, Index targets,
                     const RowInfluence& out, int threads);

struct WhitenedGram {
    Status status = Status::converged;
    double weight_sum = 0;
    std::vector<double> gram;   // rank x rank, symmetric: K'D'WDK
    std::vector<double> shift;  // features: sum w_i d_i, nothing but rounding where `mean` is the mean
};

WhitenedGram whitened_gram(const RowSource& rows, const Whitener& whitener, int threads);

}  // namespace mlcraft
