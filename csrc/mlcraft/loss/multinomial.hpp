// Multinomial loss of K classes: value log(sum_k exp(eta_k)) - eta_y, gradient by eta_k p_k - [k = y], hessian
// diag(p) - p p', with p_k = exp(eta_k) / sum_l exp(eta_l). Domain: finite eta; y is one of 0, ..., K - 1.
//
// Evaluated with m = max_k eta_k: value (m - eta_y) + log(1 + s), where s is sum_k exp(eta_k - m) less 1, and the
// gradient of the right class is -s / (1 + s) where eta_y = m: a well classified row keeps its digits.
#pragma once

#include <algorithm>

#include "mlcraft/core/types.hpp"
#include "mlcraft/simd/kernels.hpp"

namespace mlcraft {

struct MultinomialLoss {
    static constexpr const char* name = "multinomial";
};

using LossSums = simd::LossSums;

// A block of rows in class-major order: class k of row i is element k * ld + i of eta and of share. eta holds the
// linear predictors and becomes w * gradient; share (null where it is not asked for) becomes p. y are the codes of the
// classes; the weight may be absent. Sums of w value and of w: within a part of at most max_block_rows rows they have
// the type of the data.
template <class T>
LossSums multinomial_block(Index count, Index classes, VectorView<const T> y, VectorView<const T> weight, T* eta,
                           Index ld, T* share = nullptr) {
    LossSums sums;
    T y_copy[max_block_rows], weight_copy[max_block_rows];
    for (Index begin = 0; begin < count; begin += max_block_rows) {
        const Index rows = std::min(max_block_rows, count - begin);
        const LossSums part = simd::kernels().of<T>().loss.multinomial(
            contiguous(y.slice(begin, rows), y_copy), contiguous(weight.slice(begin, rows), weight_copy), rows, classes,
            eta + begin, share == nullptr ? nullptr : share + begin, ld);
        sums.value += part.value;
        sums.weight += part.weight;
    }
    return sums;
}

template <class T>
using MultinomialBlock = decltype(&multinomial_block<T>);

}  // namespace mlcraft
