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
    constexpr Index lanes = 8;  // independent sums, so that the loop is not a chain of additions
    double sums[lanes] = {};
    const auto run = [&](Index i, Index lane, T w) {
        sums[lane] += static_cast<double>(w) * static_cast<double>(Loss::value(y.data[i * y.stride], eta[i]));
        eta[i] = w * Loss::gradient(y.data[i * y.stride], eta[i]);
    };
    Index i = 0;
    if (weight) {
        for (; i < count; ++i) run(i, i % lanes, weight[i]);
    } else if (y.stride == 1) {
        const T* target = y.data;
        for (; i + lanes <= count; i += lanes)
            for (Index l = 0; l < lanes; ++l) {
                const T value = eta[i + l];
                sums[l] += static_cast<double>(Loss::value(target[i + l], value));
                eta[i + l] = Loss::gradient(target[i + l], value);
            }
    }
    for (; i < count; ++i) run(i, i % lanes, T(1));
    double value = 0;
    for (double s : sums) value += s;
    return value;
}

// The list of losses: a new one is its file and a line here. Null for an unknown name.
template <class T>
LossBlock<T> find_loss(const char* name) {
    if (std::strcmp(name, SquaredLoss::name) == 0) return loss_block<SquaredLoss, T>;
    return nullptr;
}

}  // namespace mlcraft
