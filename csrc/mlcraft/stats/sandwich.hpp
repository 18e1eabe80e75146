// The middle of a sandwich covariance where rows are not independent: sums of scores by cluster and over lags.
//
// With z_i = [1, x_i - mean] (without the constant where there is no intercept) and the score s_i z_i of row i,
// s_i = w_i e_i:
//
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
