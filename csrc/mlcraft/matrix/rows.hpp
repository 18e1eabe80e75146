// Rows of a problem [X, Y, w] in double, a block at a time, whatever the storage: for the routines that need few passes
// and much precision. One indirect call a block.
#pragma once

#include "mlcraft/core/types.hpp"

namespace mlcraft {

class RowSource {
public:
    RowSource(Index rows, Index cols, Index targets, bool weighted)
        : rows(rows), cols(cols), targets(targets), weighted(weighted) {}
    virtual ~RowSource() = default;
    RowSource(const RowSource&) = delete;
    RowSource& operator=(const RowSource&) = delete;

    virtual void read_features(Index begin, Index count, double* out, Index ld) const = 0;  // column by column
    virtual void read_targets(Index begin, Index count, double* out, Index ld) const = 0;
    virtual void read_weights(Index begin, Index count, double* out) const = 0;  // ones where there are no weights

    const Index rows, cols, targets;
    const bool weighted;
};

template <class Matrix>
class Rows final : public RowSource {
public:
    using T = typename Matrix::value_type;
    Rows(const Matrix& x, MatrixView<const T> y, VectorView<const T> weight)
        : RowSource(x.rows(), x.cols(), y.cols, static_cast<bool>(weight)), x_(x), y_(y), weight_(weight) {}

    void read_features(Index begin, Index count, double* out, Index ld) const override {
        x_.read(begin, count, out, ld);
    }
    void read_targets(Index begin, Index count, double* out, Index ld) const override {
        for (Index t = 0; t < y_.cols; ++t)
            for (Index i = 0; i < count; ++i) out[t * ld + i] = static_cast<double>(y_(begin + i, t));
    }
    void read_weights(Index begin, Index count, double* out) const override {
        for (Index i = 0; i < count; ++i) out[i] = weight_ ? static_cast<double>(weight_[begin + i]) : 1.0;
    }

private:
    const Matrix& x_;
    MatrixView<const T> y_;
    VectorView<const T> weight_;
};

}  // namespace mlcraft
