// The metric of a quasi-Newton method for mean loss + alpha |b|^2 / 2 + intercept_alpha c^2 / 2: the Hessian at some
// point, of all rows or of a sample of them, factorised.
//
// Coordinates: theta = (b_j / scale_j, c'), eta = c' + sum_j theta_j scale_j (x_j - mean_j), so that columns of any
// scale and any mean are alike. With X'HX from moments weighted by the Hessian weights, whose mean m differs from
// `mean`, and c'' = c' + sum theta_j scale_j (m_j - mean_j) the intercept separates from the rest, but for its penalty.
#pragma once

#include <vector>

#include "mlcraft/core/types.hpp"
#include "mlcraft/moments/moments.hpp"
#include "mlcraft/solver/coordinates.hpp"

namespace mlcraft {

struct SmoothPenalty {
    double alpha = 0;
    double intercept_alpha = 0;
};

class Metric {
public:
    Metric() = default;
    // Mean curvature `hess` in every direction: the diagonal where columns have unit variance.
    Metric(const Coordinates& at, const SmoothPenalty& penalty, double hess);
    // From the moments of the rows, weighted by their Hessian weights; `total` is the sum of the sample weights.
    // Columns that are `unseen` in the sample (empty: none) take the mean curvature.
    Metric(const Moments& moments, double total, const Coordinates& at, const SmoothPenalty& penalty,
           const std::vector<char>& unseen, int threads);

    bool is_diagonal() const { return lower_.empty(); }
    void solve(const double* gradient, double* out) const;

private:
    Index columns_ = 0;
    bool intercept_ = true;
    double corner_ = 1;          // curvature of the intercept, its penalty included
    std::vector<double> shift_;  // scale_j (m_j - mean_j)
    std::vector<double> cross_;  // of the intercept with the columns; empty: none
    std::vector<double> unit_;   // 1 / sqrt of the diagonal
    std::vector<double> lower_;  // Cholesky factor of the matrix with unit diagonal; empty: diagonal
};

}  // namespace mlcraft
