// The middle of a sandwich covariance: products of scores row by row, by cluster and over lags.
//
// With z_i = [1, x_i - mean] (without the constant where there is no intercept) and the score s_i z_i of row i,
// s_i = w_i e_i, h_i its leverage:
//
//   score_gram        sum_i g_i u_i u_i',  u_i = [1, root'(x_i - mean)],  g_i = s_i^2 / (1 - h_i)^d
//                     (White 1980; MacKinnon and White 1985; Cribari-Neto 2004), all in one pass over the rows
//   cluster_scores    S_g = sum_{i in g} s_i z_i                                (Liang and Zeger 1986)
//   cluster_grams     K_g = sum_{i in g} w_i z_i z_i'                           (Bell and McCaffrey 2002)
//   lagged_products   P = sum_i s_i z_i u_i',  u_i = sum_{l=0}^{L} k_l s_{i-l} z_{i-l}
//
// and P + P' with k_0 = 1/2 and k_l the weights of a kernel is the middle of Newey and West (1987), whose cost is that
// of one product instead of L + 1. Rows are cut into lanes by their number alone and lanes are added in order.
#pragma once

#include <vector>

#include "mlcraft/core/types.hpp"
#include "mlcraft/matrix/rows.hpp"

namespace mlcraft {

// Rows of a design about its mean. The arrays belong to the caller.
struct CentredRows {
    const RowSource& rows;
    const double* mean;  // features
    bool constant;       // whether z_i begins with a one

    Index width() const { return rows.cols + (constant ? 1 : 0); }
};

// What score_gram is told: the arrays belong to the caller.
struct ScoreGramProblem {
    const double* y;
    const double* coef;  // features
    double centre;       // the fitted value at the mean
    const double* root;  // features x rank, row-major; root root' is the inverse of the design's cross-products
    Index rank;
    double base;   // 1 / (sum of the weights) where there is an intercept, else 0
    double power;  // d; 0 leaves leverages aside, and below 0 d_i = min(4, -power h_i) as HC4 has it
    bool counts;   // whether a weight counts rows: then g_i = w_i e_i^2 / (1 - h_i / w_i)^d
};

struct ScoreGram {
    Status status = Status::converged;
    std::vector<double> gram;     // width x width, width = rank + 1 with a constant
    double residual_squares = 0;  // sum w_i e_i^2
    double largest = 0;           // leverage, and its row
    Index row = 0;
};

ScoreGram score_gram(const CentredRows& z, const ScoreGramProblem& problem, int threads);

// out: clusters x width, row-major. codes: the cluster of each row, in [0, clusters).
Status cluster_scores(const CentredRows& z, const double* score, const Index* codes, Index clusters, double* out,
                      int threads);

// out: clusters x width x width. Cluster g holds the rows order[k] for k in [start[g], start[g+1]).
Status cluster_grams(const CentredRows& z, const Index* order, const Index* start, Index clusters, double* out,
                     int threads);

// out: width x width. kernel: lags + 1 weights.
Status lagged_products(const CentredRows& z, const double* score, const double* kernel, Index lags, double* out,
                       int threads);

}  // namespace mlcraft
