// Least squares by orthogonal transformations, for designs too ill-conditioned for their Gram matrix.
#pragma once

#include <vector>

#include "mlcraft/matrix/rows.hpp"

namespace mlcraft {

// The design that is factorised: rows sqrt(w_i) (x_i - mean)' S, targets sqrt(w_i) (y_i - y_mean), and, where alpha is
// positive, the rows sqrt(alpha) S below. S is diagonal; a zero in it leaves the column out.
struct OrthogonalProblem {
    const double* mean = nullptr;
    const double* y_mean = nullptr;
    const double* scale = nullptr;
    double alpha = 0;
    int threads = 1;
};

// The triangle of the QR factorisation of [design, targets], made from blocks of rows (TSQR: Demmel, Grigori, Hoemmen
// and Langou 2012), so that no copy of the design is needed.
struct Triangle {
    Index rows = 0;  // min(rows of the design, features)
    Index features = 0;
    Index targets = 0;
    std::vector<double> r;              // rows x features, column-major
    std::vector<double> rotated;        // rows x targets, column-major: Q'y
    std::vector<double> lower() const;  // r' as a row-major lower triangle; only if rows == features
    // The lower triangle L (rows x rows, row-major) with L L' = (r S^-1)(r S^-1)' + alpha I; only if rows <= features.
    std::vector<double> row_factor(const double* scale, double alpha) const;
};

// Rows [begin, begin + count) of the design and the targets, column by column.
void read_design(const RowSource& rows, const OrthogonalProblem& problem, Index begin, Index count, double* columns,
                 Index ld);

// b (targets x features, row-major) minus its part in the span of the `count` null vectors (features x count,
// column-major): of all solutions the one of least norm.
void project_out(std::vector<double> null_vectors, Index features, Index count, double* b, Index targets);

Triangle triangularise(const RowSource& rows, const OrthogonalProblem& problem);

// The solution of minimum Euclidean norm in the original (unscaled) coordinates. The rank is decided on the scaled
// columns with column pivoting: pivot j counts when it is above tolerance[j] of the largest; tolerance has an entry for
// each feature and the running maximum over the pivots taken is used.
struct MinimumNorm {
    Index rank = 0;
    double smallest_pivot_ratio = 1;
    std::vector<double> coef;  // targets x features, row-major
};

// With alpha > 0 (and fewer rows than features) the penalty alpha |b|^2 takes the place of the minimum norm.
MinimumNorm minimum_norm(const Triangle& triangle, const double* scale, const std::vector<double>& tolerance,
                         double alpha = 0);

}  // namespace mlcraft
