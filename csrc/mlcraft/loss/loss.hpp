// Losses on blocks of rows, by name. One indirect call a block; the loop inside is generated from the scalar maths.
#pragma once

#include <cstring>

#include "mlcraft/core/types.hpp"
#include "mlcraft/loss/squared.hpp"

namespace mlcraft {

// Sums over a block of rows.
struct LossSums {
    double value = 0;     // sum w value(y, eta)
    double gradient = 0;  // sum w gradient(y, eta)
    double weight = 0;    // sum w
};

// For `count` rows: returns the sums, and writes w * gradient over eta. The weight may be absent.
template <class T>
using LossBlock = LossSums (*)(Index count, VectorView<const T> y, VectorView<const T> weight, T* eta);

// Within a block (a few hundred rows) the sums have the type of the data.
template <class Loss, class T>
LossSums loss_block(Index count, VectorView<const T> y, VectorView<const T> weight, T* eta) {
    T value = 0, gradient = 0, total = static_cast<T>(count);
    if (y.stride == 1 && !weight) {
        const T* target = y.data;
#ifdef _OPENMP
#pragma omp simd reduction(+ : value, gradient)
#endif
        for (Index i = 0; i < count; ++i) {
            const T g = Loss::gradient(target[i], eta[i]);
            value += Loss::value(target[i], eta[i]);
            gradient += g;
            eta[i] = g;
        }
    } else if (y.stride == 1 && weight.stride == 1) {
        const T *target = y.data, *w = weight.data;
        total = 0;
#ifdef _OPENMP
#pragma omp simd reduction(+ : value, gradient, total)
#endif
        for (Index i = 0; i < count; ++i) {
            const T g = w[i] * Loss::gradient(target[i], eta[i]);
            value += w[i] * Loss::value(target[i], eta[i]);
            gradient += g;
            total += w[i];
            eta[i] = g;
        }
    } else {
        total = 0;
        for (Index i = 0; i < count; ++i) {
            const T w = weight ? weight[i] : T(1), g = w * Loss::gradient(y[i], eta[i]);
            value += w * Loss::value(y[i], eta[i]);
            gradient += g;
            total += w;
            eta[i] = g;
        }
    }
    return {static_cast<double>(value), static_cast<double>(gradient), static_cast<double>(total)};
}

// The list of losses: a new one is its file and a line here. Null for an unknown name.
template <class T>
LossBlock<T> find_loss(const char* name) {
    if (std::strcmp(name, SquaredLoss::name) == 0) return loss_block<SquaredLoss, T>;
    return nullptr;
}

}  // namespace mlcraft
