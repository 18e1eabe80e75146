// Losses on blocks of rows, by name. One indirect call a block; the loop inside is generated from the scalar maths.
#pragma once

#include <cstring>

#include "mlcraft/core/types.hpp"
#include "mlcraft/loss/squared.hpp"

namespace mlcraft {

// For `count` rows: returns sum w value(y, eta), and writes w * gradient over eta. The weight may be absent.
template <class T>
using LossBlock = double (*)(Index count, VectorView<const T> y, VectorView<const T> weight, T* eta);

template <class Loss, class T>
double loss_block(Index count, VectorView<const T> y, VectorView<const T> weight, T* eta) {
    double value = 0;
    for (Index i = 0; i < count; ++i) {
        const T w = weight ? weight[i] : T(1);
        value += static_cast<double>(w) * static_cast<double>(Loss::value(y[i], eta[i]));
        eta[i] = w * Loss::gradient(y[i], eta[i]);
    }
    return value;
}

// The list of losses: a new one is its file and a line here. Null for an unknown name.
template <class T>
LossBlock<T> find_loss(const char* name) {
    if (std::strcmp(name, SquaredLoss::name) == 0) return loss_block<SquaredLoss, T>;
    return nullptr;
}

}  // namespace mlcraft
