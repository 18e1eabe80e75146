// Sums of squares that are zero although the values are not all equal: data too small for double precision's range.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "mlcraft/matrix/rows.hpp"

namespace mlcraft {

inline constexpr double smallest_square = 1e-280;  // sums of squares below may have underflown

// Looks again, in one pass, at the columns whose sums of squares about the mean are suspiciously small.
inline bool squares_underflow(const RowSource& rows, const std::vector<double>& x_square,
                              const std::vector<double>& x_mean, const std::vector<double>& y_square,
                              const std::vector<double>& y_mean) {
    constexpr Index block = 64;
    const auto suspicious = [](double square) { return square <= smallest_square; };
    const bool any_x = std::any_of(x_square.begin(), x_square.end(), suspicious);
    const bool any_y = std::any_of(y_square.begin(), y_square.end(), suspicious);
    if (!any_x && !any_y) return false;
    std::vector<double> x(any_x ? block * rows.cols : 0), y(any_y ? block * rows.targets : 0), weight(block);
    const auto differs = [&weight](const double* values, Index count, double mean) {
        for (Index i = 0; i < count; ++i)
            if (weight[i] > 0 && std::abs(values[i] - mean) > 2e-15 * std::abs(mean)) return true;
        return false;
    };
    for (Index begin = 0; begin < rows.rows; begin += block) {
        const Index count = std::min(block, rows.rows - begin);
        rows.read_weights(begin, count, weight.data());
        if (any_x) {
            rows.read_features(begin, count, x.data(), block);
            for (Index j = 0; j < rows.cols; ++j)
                if (suspicious(x_square[j]) && differs(&x[j * block], count, x_mean[j])) return true;
        }
        if (any_y) {
            rows.read_targets(begin, count, y.data(), block);
            for (Index t = 0; t < rows.targets; ++t)
                if (suspicious(y_square[t]) && differs(&y[t * block], count, y_mean[t])) return true;
        }
    }
    return false;
}

}  // namespace mlcraft
