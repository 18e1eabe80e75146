#include "mlcraft/solver/row_qr.hpp"

#include <algorithm>
#include <cmath>

#include "mlcraft/simd/kernels.hpp"

namespace mlcraft {

RowQr::RowQr(Index features, Index targets)
    : features_(features), width_(features + targets), r_(static_cast<std::size_t>(features * width_), 0.0),
      products_(static_cast<std::size_t>(width_), 0.0) {}

void RowQr::add(double* columns, Index count) {
    const auto& kernels = simd::kernels().f64;
    for (Index j = 0; j < features_; ++j) {
        double* v = columns + j * block;
        double square = 0;
        kernels.dots(v, block, 1, count, v, &square);
        if (!(square > 0)) continue;
        double* row = r_.data() + j * width_;
        const double diagonal = row[j];
        const double norm = std::sqrt(diagonal * diagonal + square), beta = diagonal > 0 ? -norm : norm;
        const double tau = (beta - diagonal) / beta, scale = 1.0 / (diagonal - beta);
        for (Index i = 0; i < count; ++i) v[i] *= scale;
        row[j] = beta;
        const Index rest = width_ - j - 1;
        double* following = v + block;
        std::copy_n(row + j + 1, rest, products_.data());
        kernels.dots(following, block, rest, count, v, products_.data());
        for (Index c = 0; c < rest; ++c) {
            products_[c] *= -tau;
            row[j + 1 + c] += products_[c];
        }
        kernels.rank_one(v, count, products_.data(), rest, following, block);
    }
}

void RowQr::merge(const RowQr& other) {
    std::vector<double> columns(static_cast<std::size_t>(block * width_));
    for (Index begin = 0; begin < features_; begin += block) {
        const Index count = std::min(block, features_ - begin);
        for (Index c = 0; c < width_; ++c)
            for (Index i = 0; i < count; ++i) columns[c * block + i] = other.r_[(begin + i) * width_ + c];
        add(columns.data(), count);
    }
}

}  // namespace mlcraft
