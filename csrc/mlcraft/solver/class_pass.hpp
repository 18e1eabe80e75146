// Passes over the rows of the multinomial loss: value and gradient, and the Hessian times a vector, for all classes.
#pragma once

#include <algorithm>
#include <vector>

#include "mlcraft/core/types.hpp"
#include "mlcraft/loss/multinomial.hpp"
#include "mlcraft/solver/row_sums.hpp"

namespace mlcraft {

template <class Matrix>
struct ClassRows {
    using T = typename Matrix::value_type;
    const Matrix& x;
    VectorView<const T> y, weight;
    Index classes;
};

template <class Matrix>
Index class_block_rows(const Matrix& x) {
    return std::clamp<Index>(x.block_rows(), 32, max_block_rows);
}

template <class Matrix>
Index class_lanes(const Matrix& x, Index classes) {  // as pass_lanes
    const double elements = stored_elements(x);
    const double split =
        std::min({elements * static_cast<double>(classes) / 65536, elements / (4.0 * static_cast<double>(x.cols() + 1)),
                  8e6 / static_cast<double>(classes * (x.cols() + 1))});  // 64 MB of sums at most
    return std::clamp<Index>(static_cast<Index>(split), 1, std::min<Index>(64, x.rows() / 64 + 1));
}

// Mean loss and its gradient, class by class: columns, then the intercept. `probability` (classes x rows) may be null.
template <class Matrix>
double class_pass(const ClassRows<Matrix>& rows, const std::vector<double>& coef, const std::vector<double>& intercept,
                  typename Matrix::value_type* probability, std::vector<double>& gradient, double& weight_sum,
                  int threads) {
    using T = typename Matrix::value_type;
    const Matrix& x = rows.x;
    const Index n = x.rows(), p = x.cols(), K = rows.classes;
    const std::vector<T> v(coef.begin(), coef.end());
    std::vector<double> sums =
        sum_over_rows(n, class_block_rows(x), class_lanes(x, K), K * (p + 1) + 2, threads,
                      [&](Index begin, Index count, double* out) {
                          std::vector<T> eta(static_cast<std::size_t>(K * count)), shares(probability ? K * count : 0);
                          for (Index k = 0; k < K; ++k)
                              std::fill_n(eta.data() + k * count, count, static_cast<T>(intercept[k]));
                          x.times_many(begin, count, v.data(), K, eta.data(), count);
                          const LossSums block = multinomial_block<T>(count, K, rows.y.slice(begin, count),
                                                                      rows.weight.slice(begin, count), eta.data(),
                                                                      count, probability ? shares.data() : nullptr);
                          out[K * (p + 1)] += block.value;
                          out[K * (p + 1) + 1] += block.weight;
                          for (Index k = 0; k < K; ++k) {
                              double sum = 0;
                              for (Index i = 0; i < count; ++i) sum += static_cast<double>(eta[k * count + i]);
                              out[K * p + k] += sum;
                              if (probability)
                                  std::copy_n(shares.data() + k * count, count, probability + k * n + begin);
                          }
                          x.transposed_times_many(begin, count, eta.data(), count, K, out);
                      });
    weight_sum = sums[K * (p + 1) + 1];
    const double share = 1 / weight_sum, value = sums[K * (p + 1)] * share;
    gradient.resize(static_cast<std::size_t>(K * (p + 1)));
    for (Index k = 0; k < K; ++k) {
        for (Index j = 0; j < p; ++j) gradient[k * (p + 1) + j] = sums[k * p + j] * share;
        gradient[k * (p + 1) + p] = sums[K * p + k] * share;
    }
    return value;
}

// The Hessian of the mean loss times v (columns of each class, then its intercept), by the probabilities at a point.
template <class Matrix>
void class_hess_pass(const ClassRows<Matrix>& rows, const std::vector<double>& coef,
                     const std::vector<double>& intercept, const typename Matrix::value_type* probability,
                     double weight_sum, std::vector<double>& out, int threads) {
    using T = typename Matrix::value_type;
    const Matrix& x = rows.x;
    const Index n = x.rows(), p = x.cols(), K = rows.classes;
    const std::vector<T> v(coef.begin(), coef.end());
    const std::vector<double> sums = sum_over_rows(
        n, class_block_rows(x), class_lanes(x, K), K * (p + 1), threads, [&](Index begin, Index count, double* sum) {
            std::vector<T> eta(static_cast<std::size_t>(K * count)), mean(static_cast<std::size_t>(count), T(0));
            for (Index k = 0; k < K; ++k) std::fill_n(eta.data() + k * count, count, static_cast<T>(intercept[k]));
            x.times_many(begin, count, v.data(), K, eta.data(), count);
            for (Index k = 0; k < K; ++k)
                for (Index i = 0; i < count; ++i) mean[i] += probability[k * n + begin + i] * eta[k * count + i];
            for (Index k = 0; k < K; ++k) {
                double total = 0;
                for (Index i = 0; i < count; ++i) {
                    T& e = eta[k * count + i];
                    e = probability[k * n + begin + i] * (e - mean[i]);
                    if (rows.weight) e *= rows.weight[begin + i];
                    total += static_cast<double>(e);
                }
                sum[K * p + k] += total;
            }
            x.transposed_times_many(begin, count, eta.data(), count, K, sum);
        });
    out.resize(static_cast<std::size_t>(K * (p + 1)));
    for (Index k = 0; k < K; ++k) {
        for (Index j = 0; j < p; ++j) out[k * (p + 1) + j] = sums[k * p + j] / weight_sum;
        out[k * (p + 1) + p] = sums[K * p + k] / weight_sum;
    }
}

}  // namespace mlcraft
