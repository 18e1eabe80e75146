// Products of centred rows with a few hundred columns, (x_i - mean)' R, a strip of rows at a time,
// in double.
#pragma once

#include <algorithm>
#include <vector>

#include "mlcraft/core/buffer.hpp"
#include "mlcraft/core/types.hpp"
#include "mlcraft/matrix/rows.hpp"
#include "mlcraft/simd/kernels.hpp"

namespace mlcraft {

// R (features x columns, row-major), packed once in the strips of the Gram kernels, which compute A' B for any A and B
// with the same depth: here A is a strip of rows of X, laid out feature by feature, and B is R.
class RowProducts {
public:
    // mean may be null: nothing is subtracted.
    RowProducts(const double* mean, const double* right, Index features, Index columns)
        : kernel_(columns <= narrow ? simd::kernels().f64.narrow : simd::kernels().f64.wide), mean_(mean),
          features_(features), columns_(columns), strips_((columns + kernel_.lanes - 1) / kernel_.lanes),
          packed_(std::max<Index>(features * width(), 1)) {
        const std::vector<double> no_shift(static_cast<std::size_t>(columns), 0.0);
        std::fill(packed_.data, packed_.data + features * width(), 0.0);
        for (Index first = 0; first < features; first += depth) {
            const Index count = std::min(depth, features - first);
            const MatrixView<const double> part{right + first * columns, count, columns, columns, 1};
            kernel_.pack(part, no_shift.data(), {}, 0, count, packed_.data + first * width(), nullptr);
        }
    }

    Index rows_at_a_time() const { return kernel_.lanes; }
    Index width() const { return strips_ * kernel_.lanes; }  // leading dimension of the result
    Index strip_size() const { return features_ * kernel_.lanes; }

    // out (count x width) = the products of rows order[begin .. begin + count) of x (order null: begin, begin + 1, ...)
    // for count <= rows_at_a_time(); out has room for that many rows, and `strip` for strip_size() elements.
    void multiply(const RowSource& x, const Index* order, Index begin, Index count, double* strip, double* out) const {
        const Index lanes = kernel_.lanes;
        if (count < lanes) std::fill(strip, strip + strip_size(), 0.0);
        if (order == nullptr)
            x.read_features(begin, count, strip, lanes);
        else
            for (Index i = 0; i < count; ++i) x.read_features(order[begin + i], 1, strip + i, lanes);
        if (mean_ != nullptr) {
            switch (lanes) {
                case 4: subtract_mean<4>(strip); break;
                case 8: subtract_mean<8>(strip); break;
                case 16: subtract_mean<16>(strip); break;
                default: subtract_mean<1>(strip, lanes);
            }
        }
        std::fill(out, out + lanes * width(), 0.0);
        for (Index first = 0; first < features_; first += depth)
            kernel_.by_rows(strip + first * lanes, packed_.data + first * width(), std::min(depth, features_ - first),
                            strips_, strips_, 0, 1, out, width(), strip, 0);
    }

private:
    template <Index L>  // known when compiled: a loop of vectors
    void subtract_mean(double* strip, Index repeat = 1) const {
        for (Index j = 0; j < features_; ++j)
            for (Index i = 0; i < L * repeat; ++i) strip[j * L * repeat + i] -= mean_[j];
    }

    static constexpr Index narrow = 40, depth = 240;  // the borders of the moments' own sweep
    const simd::GramKernel<double>& kernel_;
    const double* mean_;
    Index features_, columns_, strips_;
    AlignedBuffer<double> packed_;
};

}  // namespace mlcraft
