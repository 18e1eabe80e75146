// Least squares from moments alone, where no row can be read again: Cholesky where it can be trusted, else the
// eigenvalues of the scaled normal matrix, its rank by their noise, and the solution of minimum norm.
#pragma once

#include "mlcraft/moments/moments.hpp"
#include "mlcraft/solver/least_squares.hpp"

namespace mlcraft {

struct MomentsSolution {
    LeastSquaresSolution solution;
    // Bound, to an order of magnitude, on the relative error of the coefficients in columns of unit scale: the
    // condition of the normal matrix (of its part of full rank) times the noise of the moments.
    double error = 0;
};

// The moments are taken about zero where there is no intercept; centred moments serve both.
MomentsSolution solve_from_moments(const Moments& moments, const LeastSquaresOptions& options);

}  // namespace mlcraft
