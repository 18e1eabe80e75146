// Weighted first and second moments of [X, Y], from one pass over the rows:
//
//   weight_sum = sum w_i,   x_mean = sum w_i x_i / weight_sum,   y_mean likewise,
//   xx = sum w_i (x_i - x_mean)(x_i - x_mean)',   xy = sum w_i (x_i - x_mean)(y_i - y_mean)',   yy_j likewise.
//
// Without an intercept the means are zero and nothing is subtracted. The rows are shifted by the mean of a sample of
// rows before they are accumulated, so that a large mean does not cancel (Chan, Golub and LeVeque 1983). For the same
// reason a mean is kept as a sum of two doubles: merging and removing need differences of means, to the precision of
// the spread and not of the mean.
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
    std::vector<double> xx;       // features x features, symmetric, row-major
    std::vector<double> xy;       // features x targets, row-major
    std::vector<double> yy;       // targets
    std::vector<double> x_size;   // features: sqrt of the mean square of x before centring, the scale of its rounding
    Index samples = 0;            // rows with a weight that is not zero; 0 where nobody has counted
    std::vector<double> x_low;    // features: what x_mean loses to rounding; empty: nothing
    std::vector<double> y_low;    // targets: what y_mean loses to rounding; empty: nothing
    std::vector<double> noise;    // features: rounding error to expect of the diagonal of xx; empty: that of one pass
    double log_weight = 0;        // sum log w over the rows counted; NaN: not known
    std::vector<double> x_error;  // features: rounding error to expect of x_mean + x_low; empty: none to speak of
    std::vector<double> y_error;  // targets: likewise of y
    std::vector<double> y_noise;  // targets: rounding error to expect of yy; empty: that of one pass
    bool finite = true;           // false when X, Y, the weights or their products hold NaN or infinity
    bool interrupted = false;
};

// T is the type of the data; Compute that of the products within a panel of rows (sums of panels are always double).
template <class T, class Compute = T>
Moments dense_moments(MatrixView<const T> x, MatrixView<const T> y, VectorView<const T> weight, bool centre,
                      int threads);

// Fills in what follows from the rest (x_size). Throws std::invalid_argument where sizes do not agree.
void complete(Moments& m);

// The moments of the rows of both, in place of `into` (Chan, Golub and LeVeque 1983). Both centred or both not.
void merge(Moments& into, const Moments& other);

// What is asked to be removed and cannot have been added: more rows, weight, or spread of a column than there is.
struct Removal {
    enum class Fault { none, rows, weight, feature, target };
    Fault fault = Fault::none;
    Index column = 0;    // of a feature or target
    double held = 0;     // rows, weight, or sum of squares about the mean that there was
    double removed = 0;  // and that was to go
};

// The inverse of merge, in place; with a fault nothing is changed. Both centred or both not.
Removal remove(Moments& from, const Moments& part);

// Every weight times `factor`, which is above zero.
void decay(Moments& m, double factor);

// The moments about zero, for a fit without intercept.
Moments uncentred(Moments m);

// The part of each element of the diagonal of xx that rounding may have made: 2^-52 after one pass, more after many
// merges, and more still where most of a column's spread was removed.
std::vector<double> relative_noise(const Moments& m);

// The same moments with columns whose spread is not above the noise as constant ones: spread and cross-products zero.
Moments without_noise(Moments m);

extern template Moments dense_moments<double, double>(MatrixView<const double>, MatrixView<const double>,
                                                      VectorView<const double>, bool, int);
extern template Moments dense_moments<float, float>(MatrixView<const float>, MatrixView<const float>,
                                                    VectorView<const float>, bool, int);
extern template Moments dense_moments<float, double>(MatrixView<const float>, MatrixView<const float>,
                                                     VectorView<const float>, bool, int);

}  // namespace mlcraft
