// The sums that a Newton step needs, for many resamples of the rows at once. With z_i = [1, root'(x_i - mean)] (the one
// only with a constant), c_ri the weight of row i in resample r (stats/resample.hpp), a_i its own weight and
// eta_ri = offset_i + z_i'delta_r:
//
//   score_r = sum_i c_ri a_i l'(y_i, eta_ri) z_i
//   gram_r  = sum_i c_ri a_i l''(y_i, eta_ri) z_i z_i'      or, `squared`,    sum_i c_ri (a_i l'(y_i, eta_ri))^2 z_i
//   z_i'
//
// delta_r - gram_r^-1 score_r is the next iterate; for least squares, from any delta, the fit to the resample itself.
// The squared form is the middle of the sandwich covariance of that fit. Where all delta are zero the grams are one
// product of the weights (resamples x rows) with the products of pairs of columns (rows x width (width + 1) / 2):
// blocks of rows of those pairs are made once for a batch of resamples, some columns at a time, and stay in cache.
#pragma once

#include "mlcraft/core/types.hpp"
#include "mlcraft/loss/loss.hpp"
#include "mlcraft/matrix/rows.hpp"
#include "mlcraft/stats/leverage.hpp"
#include "mlcraft/stats/resample.hpp"

namespace mlcraft {

// The arrays belong to the caller.
struct ResampledProblem {
    const RowSource& rows;
    Whitener whitener;
    bool constant = true;
    LossBlock<double> loss = nullptr;
    double parameter = 0;            // of the loss
    Index targets = 1;               // more than one without delta only
    const double* y = nullptr;       // targets x rows
    const double* weight = nullptr;  // a: rows; null: ones
    const double* offset = nullptr;  // rows; null: zeros
    const double* delta = nullptr;   // resamples x width; null: zeros

    Index width() const { return whitener.rank + (constant ? 1 : 0); }
};

// Where the sums go; null for what is not wanted. Row-major.
struct ResampledSums {
    double* gram = nullptr;   // resamples x width x width; with more than one target l'' is that of the first
    double* score = nullptr;  // resamples x targets x width
    bool squared = false;
};

// For resamples first, ..., first + count - 1. Each has the same bits whichever others are asked for with it.
Status resampled_sums(const ResampledProblem& problem, const Resampling& resampling, Index first, Index count,
                      const ResampledSums& out, int threads);

}  // namespace mlcraft
