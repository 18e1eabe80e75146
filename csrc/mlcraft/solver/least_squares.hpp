// Ordinary, weighted and ridge least squares with a safety net: never silently wrong.
//
//   minimise sum w_i (y_i - c - x_i'b)^2 + alpha |b|^2
//
// Tall designs go through their moments: scale to unit diagonal, Cholesky, condition estimate. A well-conditioned large
// problem ends there; others are refined in extended precision from the rows; where the Gram matrix is too
// ill-conditioned the triangle comes from a QR factorisation of the rows, the rank from pivoting its scaled columns,
// and a rank-deficient problem gets the solution of minimum norm. Wide designs go through the Gram matrix of their
// rows.
#pragma once

#include <vector>

#include "mlcraft/core/types.hpp"
#include "mlcraft/matrix/csr.hpp"
#include "mlcraft/matrix/dense.hpp"
#include "mlcraft/matrix/rows.hpp"
#include "mlcraft/moments/moments.hpp"

namespace mlcraft {

struct LeastSquaresOptions {
    std::vector<double> alpha{0.0};  // one for all targets, or one for each
    bool fit_intercept = true;
    bool positive = false;
    double tol = 1e-10;  // conjugate gradients only
    Index max_iter = 0;  // iterative methods only; 0: by the size of the problem
    int threads = 1;

    double alpha_of(Index target) const { return alpha[alpha.size() > 1 ? target : 0]; }
};

// Calls solve(group, alpha) for the targets that share a penalty: they share a factor.
template <class Solve>
void for_each_penalty(const LeastSquaresOptions& options, Index targets, Solve&& solve) {
    std::vector<bool> done(static_cast<std::size_t>(targets), false);
    for (Index t = 0; t < targets; ++t) {
        if (done[t]) continue;
        const double alpha = options.alpha_of(t);
        std::vector<Index> group;
        for (Index u = t; u < targets; ++u)
            if (options.alpha_of(u) == alpha) {
                done[u] = true;
                group.push_back(u);
            }
        solve(group, alpha);
    }
}

// What is kept of a fit: L L' ~ S (X'WX + alpha I) S about the mean, L lower triangular with the columns' scales S; for
// a wide design ("dual") L L' ~ the Gram matrix of the centred rows, and S is empty. Empty where a method makes none.
struct Factor {
    Index size = 0;
    std::vector<double> lower;  // size x size, row-major
    std::vector<double> scale;  // features
    std::vector<double> mean;   // features
    double weight_sum = 0;
    double alpha = 0;
    bool dual = false;
    Index rank = 0;       // of the matrix
    bool filled = false;  // dual: the null vector of an intercept was filled in with the trace as its eigenvalue
};

// What the standard errors need; empty where a method does not tell.
struct SumsOfSquares {
    Index samples = 0;             // rows with a weight that is not zero; 0: not known
    double log_weight = 0;         // sum log w over those rows
    std::vector<double> y_mean;    // targets: weighted means, zero without an intercept
    std::vector<double> total;     // targets: sum w (y - y_mean)^2
    std::vector<double> residual;  // targets: sum w (y - c - x'b)^2
};

struct LeastSquaresSolution {
    Status status = Status::converged;
    const char* method = "cholesky";
    Index rank = 0;
    double condition = 1;  // of the centred design with its columns scaled to unit norm (penalty included), an estimate
    Index iterations = 0;
    std::vector<double> coef;       // targets x features, row-major
    std::vector<double> intercept;  // targets
    Factor factor;
    SumsOfSquares sums;
    Moments moments;  // of a non-negative fit, which leaves no factor to go on from; else empty
};

// Coefficients beyond the range of double precision are no solution.
inline void check_finite(LeastSquaresSolution& solution) {
    double check = 0;
    for (double c : solution.coef) check += c * 0;
    for (double c : solution.intercept) check += c * 0;
    if (check != 0) solution.status = Status::not_finite;
}

template <class T>
LeastSquaresSolution solve_dense(MatrixView<const T> x, MatrixView<const T> y, VectorView<const T> weight,
                                 const LeastSquaresOptions& options);

template <class T, class I>
LeastSquaresSolution solve_sparse(const CsrMatrix<T, I>& x, MatrixView<const T> y, VectorView<const T> weight,
                                  const LeastSquaresOptions& options);

// From moments made elsewhere (another engine). `rows` may be null: then nothing is refined, and a singular problem
// comes back with Status::stalled.
LeastSquaresSolution solve_moments(const Moments& moments, const RowSource* rows, const LeastSquaresOptions& options);

}  // namespace mlcraft
