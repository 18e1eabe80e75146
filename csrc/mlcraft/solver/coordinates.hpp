// Coordinates in which columns of any scale and any mean are alike: theta = (b_j / scale_j, c'), with
// eta = c' + sum_j theta_j scale_j (x_j - mean_j); and the sums over the columns that they, and Hessians in them, need.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "mlcraft/core/types.hpp"
#include "mlcraft/moments/moments.hpp"
#include "mlcraft/moments/sparse.hpp"
#include "mlcraft/solver/row_sums.hpp"

namespace mlcraft {

struct Coordinates {
    std::vector<double> mean, scale;  // by column; scale 0: a column without variance, whose coefficient stays zero
    bool intercept = true;
    std::vector<Index> out_of_range;  // columns whose squares leave the range of double precision, or hold NaN
};

// Sums over the rows about a point near the mean, for centring and scaling.
struct ColumnSums {
    std::vector<double> mean, variance, mean_square;
    std::vector<char> varies;  // false: no value differs from the one that the column was shifted by, or they cancel
};

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
    columns.varies.resize(p);
    const double share = 1.0 / sums[2 * p];
    for (Index j = 0; j < p; ++j) {
        const double off = sums[j] * share, square = sums[p + j] * share;
        columns.varies[j] = off != 0;
        columns.mean[j] = shift[j] + off;
        columns.variance[j] = std::max(0.0, square - off * off);
        columns.mean_square[j] = columns.variance[j] + columns.mean[j] * columns.mean[j];
    }
    return columns;
}

template <class Matrix>
Coordinates coordinates_of(const Matrix& x, VectorView<const typename Matrix::value_type> weight, bool intercept,
                           int threads) {
    const ColumnSums columns = column_sums(x, weight, threads);
    // sparse columns are not shifted before they are squared
    constexpr bool sparse = requires { x.stored(); };
    constexpr double noise = sparse ? 1e-12 : 1e-28;
    Coordinates at;
    at.intercept = intercept;
    at.mean.assign(columns.mean.size(), 0.0);
    at.scale.assign(columns.mean.size(), 0.0);
    for (std::size_t j = 0; j < at.scale.size(); ++j) {
        const double spread = intercept ? columns.variance[j] : columns.mean_square[j];
        if (intercept) at.mean[j] = columns.mean[j];
        if (!std::isfinite(spread) || (spread < 1e-290 && columns.varies[j]))
            at.out_of_range.push_back(static_cast<Index>(j));
        else if (spread > noise * columns.mean_square[j])
            at.scale[j] = 1 / std::sqrt(spread);
    }
    return at;
}

// Which columns hardly vary in the rows of a sample, measured by their scale in all rows.
template <class Matrix>
std::vector<char> unseen_columns(const Matrix& x, VectorView<const typename Matrix::value_type> weight,
                                 const Coordinates& at, int threads) {
    const ColumnSums columns = column_sums(x, weight, threads);
    std::vector<char> unseen(at.scale.size());
    for (std::size_t j = 0; j < unseen.size(); ++j) {
        const double spread = at.intercept ? columns.variance[j] : columns.mean_square[j];
        unseen[j] = spread * at.scale[j] * at.scale[j] < 1e-3;
    }
    return unseen;
}

// The moments of the columns, each row weighted.
template <class Matrix>
Moments weighted_moments(const Matrix& x, const typename Matrix::value_type* weight, bool centre, int threads) {
    using T = typename Matrix::value_type;
    const VectorView<const T> w{weight, x.rows(), 1};
    const MatrixView<const T> none{nullptr, x.rows(), 0, 0, 1};
    if constexpr (requires { x.stored(); })
        return sparse_moments(x, none, w, centre, threads);
    else
        return dense_moments<T>(x.view(), none, w, centre, threads);
}

}  // namespace mlcraft
