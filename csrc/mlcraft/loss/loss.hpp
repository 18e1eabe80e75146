// Losses on blocks of rows, by name. One indirect call a block; the loop inside is generated from the scalar maths.
#pragma once

#include <cstring>

#include "mlcraft/core/types.hpp"
#include "mlcraft/loss/logistic.hpp"
#include "mlcraft/loss/squared.hpp"
#include "mlcraft/loss/squared_epsilon_insensitive.hpp"
#include "mlcraft/loss/squared_hinge.hpp"

namespace mlcraft {

// A block of rows: what a loss reads and writes. The weight may be absent.
template <class T>
struct LossRows {
    Index count = 0;
    VectorView<const T> y;
    VectorView<const T> weight;
    T* eta = nullptr;   // in: the linear predictor; out: w * gradient
    T* hess = nullptr;  // out: w * hessian, where it is asked for
    T parameter = 0;    // of the loss, where it has one (epsilon)
};

// Sums over a block of rows.
struct LossSums {
    double value = 0;     // sum w value(y, eta)
    double gradient = 0;  // sum w gradient(y, eta)
    double weight = 0;    // sum w
};

template <class T>
using LossBlock = LossSums (*)(const LossRows<T>& rows);

// Within a block (a few hundred rows) the sums have the type of the data.
template <class Loss, class T>
LossSums loss_block(const LossRows<T>& rows) {
    T value = 0, gradient = 0, total = static_cast<T>(rows.count);
    T* const eta = rows.eta;
    const T parameter = rows.parameter;
    if (rows.y.stride == 1 && !rows.weight && rows.hess == nullptr) {
        const T* target = rows.y.data;
#ifdef _OPENMP
#pragma omp simd reduction(+ : value, gradient)
#endif
        for (Index i = 0; i < rows.count; ++i) {
            const T g = Loss::gradient(target[i], eta[i], parameter);
            value += Loss::value(target[i], eta[i], parameter);
            gradient += g;
            eta[i] = g;
        }
    } else if (rows.y.stride == 1 && rows.weight.stride == 1 && rows.hess == nullptr) {
        const T *target = rows.y.data, *w = rows.weight.data;
        total = 0;
#ifdef _OPENMP
#pragma omp simd reduction(+ : value, gradient, total)
#endif
        for (Index i = 0; i < rows.count; ++i) {
            const T g = w[i] * Loss::gradient(target[i], eta[i], parameter);
            value += w[i] * Loss::value(target[i], eta[i], parameter);
            gradient += g;
            total += w[i];
            eta[i] = g;
        }
    } else {
        total = 0;
        for (Index i = 0; i < rows.count; ++i) {
            const T w = rows.weight ? rows.weight[i] : T(1);
            if (rows.hess != nullptr) rows.hess[i] = w * Loss::hessian(rows.y[i], eta[i], parameter);
            const T g = w * Loss::gradient(rows.y[i], eta[i], parameter);
            value += w * Loss::value(rows.y[i], eta[i], parameter);
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
    if (std::strcmp(name, LogisticLoss::name) == 0) return loss_block<LogisticLoss, T>;
    if (std::strcmp(name, SquaredHingeLoss::name) == 0) return loss_block<SquaredHingeLoss, T>;
    if (std::strcmp(name, SquaredEpsilonInsensitiveLoss::name) == 0)
        return loss_block<SquaredEpsilonInsensitiveLoss, T>;
    return nullptr;
}

}  // namespace mlcraft
