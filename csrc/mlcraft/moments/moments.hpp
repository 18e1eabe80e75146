// Weighted first and second moments of [X, Y], from one pass over the rows:
//
//   weight_sum = sum w_i,   x_mean = sum w_i x_i / weight_sum,   y_mean likewise,
//   xx = sum w_i (x_i - x_mean)(x_i - x_mean)',   xy = sum w_i (x_i - x_mean)(y_i - y_mean)',   yy_j likewise.
//
// Without an intercept the means are zero and nothing is subtracted. The rows are shifted by the mean of a sample of
// rows before they are accumulated, so that a large mean does not cancel (Chan, Golub and LeVeque 1983).
#pragma once

#include <vector>

#include "mlcraft/core/types.hpp"

namespace mlcraft {

struct Moments {
    Index features = 0;
    Index targets = 0;
    bool centred = true;
    double weight_sum = 0;
    std::vector<double> x_mean;
    std::vector<double> y_mean;
    std::vector<double> xx;      // features x features, symmetric, row-major
    std::vector<double> xy;      // features x targets, row-major
    std::vector<double> yy;      // targets
    std::vector<double> x_size;  // features: sqrt of the mean square of x before centring, the scale of its rounding
    bool finite = true;          // false when X, Y, the weights or their products hold NaN or infinity
    bool interrupted = false;
};

// T is the type of the data; Compute that of the products within a panel of rows (sums of panels are always double).
template <class T, class Compute = T>
Moments dense_moments(MatrixView<const T> x, MatrixView<const T> y, VectorView<const T> weight, bool centre,
                      int threads);

// The moments of the rows of both, in place of `into` (Chan, Golub and LeVeque 1983). Both centred or both not.
void merge(Moments& into, const Moments& other);

extern template Moments dense_moments<double, double>(MatrixView<const double>, MatrixView<const double>,
                                                      VectorView<const double>, bool, int);
extern template Moments dense_moments<float, float>(MatrixView<const float>, MatrixView<const float>,
                                                    VectorView<const float>, bool, int);
extern template Moments dense_moments<float, double>(MatrixView<const float>, MatrixView<const float>,
                                                     VectorView<const float>, bool, int);

}  // namespace mlcraft
