// One pass over the rows of sum w_i loss(y_i, eta_i) / sum w_i, eta_i = offset_i + c + x_i'b: the value, the gradient
// and, where asked, the Hessian weights w_i loss''(y_i, eta_i) and sums over the columns.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "mlcraft/core/threads.hpp"
#include "mlcraft/core/types.hpp"
#include "mlcraft/loss/loss.hpp"

namespace mlcraft {

// Runs body(begin, count, sums) over blocks of `rows` rows, lane by lane; each lane has its own sums, added in order.
template <class Body>
std::vector<double> sum_over_rows(Index n, Index rows, Index lanes, Index sums, int threads, Body&& body) {
    const Index blocks = (n + rows - 1) / rows;
    std::vector<double> parts(static_cast<std::size_t>(lanes * sums), 0.0);
    parallel_tasks(lanes, threads, [&](Index lane) {
        for (Index b = lane * blocks / lanes; b < (lane + 1) * blocks / lanes; ++b)
            body(b * rows, std::min(rows, n - b * rows), parts.data() + lane * sums);
    });
    for (Index lane = 1; lane < lanes; ++lane)
        for (Index j = 0; j < sums; ++j) parts[j] += parts[lane * sums + j];
    parts.resize(static_cast<std::size_t>(sums));
    return parts;
}

// What the matrix holds: elements, or stored ones.
template <class Matrix>
double stored_elements(const Matrix& x) {
    if constexpr (requires { x.stored(); })
        return static_cast<double>(x.stored());
    else
        return static_cast<double>(x.rows()) * static_cast<double>(x.cols());
}

// Lanes for sums of all columns: by the work there is, and not so many that adding them up costs more than the pass.
template <class Matrix>
Index pass_lanes(const Matrix& x) {
    const double elements = stored_elements(x);
    const double most = std::min(elements / 65536 + static_cast<double>(x.rows()) / 4096,
                                 elements / (4.0 * static_cast<double>(x.cols() + 1)));
    return std::clamp<Index>(static_cast<Index>(most), 1, std::min<Index>(64, x.rows() / 64 + 1));
}

template <class Matrix>
struct SmoothRows {  // the data of a problem with a scalar loss
    using T = typename Matrix::value_type;
    const Matrix& x;
    VectorView<const T> y, weight, offset;
    LossBlock<T> block;
    T parameter = 0;
};

struct PassSums {
    double value = 0;               // mean loss
    double weight_sum = 0;          // sum w
    double hess = 0;                // mean Hessian weight, where asked for
    double intercept_gradient = 0;  // of the mean loss
    std::vector<double> gradient;   // by column
};

// Sums over the rows about a point near the mean, for centring and scaling.
struct ColumnSums {
    std::vector<double> mean, variance, mean_square;
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
            T eta[max_block_rows];
            if (rows.offset)
                for (Index i = 0; i < count; ++i) eta[i] = rows.offset[begin + i] + static_cast<T>(intercept);
            else
                std::fill(eta, eta + count, static_cast<T>(intercept));
            if constexpr (requires { &Matrix::sweep_times; })
                x.sweep_times(begin, count, v.data(), eta);
            else
                x.times(begin, count, v.data(), eta);
            const LossSums of_block = rows.block({count, rows.y.slice(begin, count), rows.weight.slice(begin, count),
                                                  eta, hess != nullptr ? hess + begin : nullptr, rows.parameter});
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

// Weighted mean, variance and mean square of each column. Dense columns are shifted by a row, so that a large mean does
// not cancel and a constant column has exactly no variance.
template <class Matrix>
ColumnSums column_sums(const Matrix& x, VectorView<const typename Matrix::value_type> weight, int threads) {
    using T = typename Matrix::value_type;
    const Index n = x.rows(), p = x.cols();
    std::vector<double> shift(static_cast<std::size_t>(p), 0.0);
    constexpr bool sparse = requires { x.stored(); };
    if constexpr (!sparse) {
        Index first = 0;
        while (weight && first + 1 < n && !(weight[first] > 0)) ++first;
        x.read(first, 1, shift.data(), 1);
    }
    const std::vector<double> sums =
        sum_over_rows(n, std::min<Index>(x.block_rows(), 128), pass_lanes(x), 2 * p + 1, threads,
                      [&](Index begin, Index count, double* out) {
                          for (Index i = begin; i < begin + count; ++i) {
                              const double w = weight ? static_cast<double>(weight[i]) : 1.0;
                              if (w == 0) continue;
                              out[2 * p] += w;
                              if constexpr (sparse) {
                                  x.add_sums(i, w, out, out + p);
                              }
                          }
                          if constexpr (!sparse) {
                              const auto view = x.view().row_range(begin, count);
                              if (view.col_stride == 1) {
                                  for (Index i = 0; i < count; ++i) {
                                      const double w = weight ? static_cast<double>(weight[begin + i]) : 1.0;
                                      const T* row = view.data + i * view.row_stride;
                                      if (w == 0) continue;
                                      for (Index j = 0; j < p; ++j) {
                                          const double d = static_cast<double>(row[j]) - shift[j];
                                          out[j] += w * d;
                                          out[p + j] += w * d * d;
                                      }
                                  }
                              } else {
                                  for (Index j = 0; j < p; ++j) {
                                      double sum = 0, square = 0;
                                      for (Index i = 0; i < count; ++i) {
                                          const double w = weight ? static_cast<double>(weight[begin + i]) : 1.0;
                                          const double d = static_cast<double>(view(i, j)) - shift[j];
                                          sum += w * d;
                                          square += w * d * d;
                                      }
                                      out[j] += sum;
                                      out[p + j] += square;
                                  }
                              }
                          }
                      });
    ColumnSums columns;
    columns.mean.resize(p);
    columns.variance.resize(p);
    columns.mean_square.resize(p);
    const double share = 1.0 / sums[2 * p];
    for (Index j = 0; j < p; ++j) {
        const double off = sums[j] * share, square = sums[p + j] * share;
        columns.mean[j] = shift[j] + off;
        columns.variance[j] = std::max(0.0, square - off * off);
        columns.mean_square[j] = columns.variance[j] + columns.mean[j] * columns.mean[j];
    }
    return columns;
}

}  // namespace mlcraft
