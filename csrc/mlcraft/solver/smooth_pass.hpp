// One pass over the rows of sum w_i loss(y_i, eta_i) / sum w_i, eta_i = offset_i + c + x_i'b: the value, the gradient
// and, where asked, the Hessian weights w_i loss''(y_i, eta_i).
#pragma once

#include <algorithm>
#include <vector>

#include "mlcraft/core/types.hpp"
#include "mlcraft/loss/loss.hpp"
#include "mlcraft/solver/row_sums.hpp"

namespace mlcraft {

template <class Matrix>
struct SmoothRows {  // the data of a problem with a scalar loss
    using T = typename Matrix::value_type;
    const Matrix& x;
    VectorView<const T> y, weight, offset;
    LossBlock<T> block = nullptr;
    T parameter = 0;
    bool skip_weightless = false;  // blocks of rows without weight are not read: they have been found finite before
    UserLoss<T> user{};
};

struct PassSums {
    double value = 0;               // mean loss
    double weight_sum = 0;          // sum w
    double hess = 0;                // mean Hessian weight, where asked for
    double intercept_gradient = 0;  // of the mean loss
    std::vector<double> gradient;   // by column
};

template <class Matrix>
PassSums smooth_pass(const SmoothRows<Matrix>& rows, const double* coef, double intercept,
                     typename Matrix::value_type* hess, int threads) {
    using T = typename Matrix::value_type;
    const Matrix& x = rows.x;
    const Index p = x.cols();
    const std::vector<T> v(coef, coef + p);
    const std::vector<double> sums = sum_over_rows(
        x.rows(), x.block_rows(), pass_lanes(x), p + 4, threads, [&](Index begin, Index count, double* out) {
            if (rows.skip_weightless && rows.weight) {
                bool any = false;
                for (Index i = 0; i < count; ++i) any = any || rows.weight[begin + i] > 0;
                if (!any) {
                    if (hess != nullptr) std::fill_n(hess + begin, count, T(0));
                    return;
                }
            }
            T eta[max_block_rows];
            if (rows.offset)
                for (Index i = 0; i < count; ++i) eta[i] = rows.offset[begin + i] + static_cast<T>(intercept);
            else
                std::fill(eta, eta + count, static_cast<T>(intercept));
            if constexpr (requires { &Matrix::sweep_times; })
                x.sweep_times(begin, count, v.data(), eta);
            else
                x.times(begin, count, v.data(), eta);
            const LossSums of_block =
                rows.block({count, rows.y.slice(begin, count), rows.weight.slice(begin, count), eta,
                            hess != nullptr ? hess + begin : nullptr, rows.parameter, rows.user});
            out[p] += of_block.value;
            out[p + 1] += of_block.gradient;
            out[p + 2] += of_block.weight;
            if (hess != nullptr) {
                T total = 0;
                for (Index i = 0; i < count; ++i) total += hess[begin + i];
                out[p + 3] += static_cast<double>(total);
            }
            if constexpr (requires { &Matrix::sweep_transposed_times; })
                x.sweep_transposed_times(begin, count, eta, out);
            else
                x.transposed_times(begin, count, eta, out);
        });
    PassSums pass;
    pass.weight_sum = sums[p + 2];
    const double share = 1.0 / pass.weight_sum;
    pass.value = sums[p] * share;
    pass.intercept_gradient = sums[p + 1] * share;
    pass.hess = sums[p + 3] * share;
    pass.gradient.assign(sums.begin(), sums.begin() + p);
    for (double& g : pass.gradient) g *= share;
    return pass;
}

}  // namespace mlcraft
