// Losses on blocks of rows, by name. One indirect call a block.
#pragma once

#include <algorithm>
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

using LossSums = simd::LossSums;

template <class T>
using LossBlock = LossSums (*)(const LossRows<T>& rows);

// Row by row from the scalar definition: for a loss that has no loop of its own in simd/, and to hold against those.
template <class Loss, class T>
LossSums scalar_loss_block(const LossRows<T>& rows) {
    LossSums sums;
    for (Index i = 0; i < rows.count; ++i) {
        const T y = rows.y[i], eta = rows.eta[i], w = rows.weight ? rows.weight[i] : T(1);
        const T gradient = w * Loss::gradient(y, eta, rows.parameter);
        if (rows.hess != nullptr) rows.hess[i] = w * Loss::hessian(y, eta, rows.parameter);
        sums.value += static_cast<double>(w * Loss::value(y, eta, rows.parameter));
        sums.gradient += static_cast<double>(gradient);
        sums.weight += static_cast<double>(w);
        rows.eta[i] = gradient;
    }
    return sums;
}

// Vector by vector. What is not contiguous is copied, a part of the block at a time. Within a part the sums have the
// type of the data.
template <class Loss, class T>
LossSums vector_loss_block(const LossRows<T>& rows) {
    const auto kernel = simd::kernels().of<T>().loss.*Loss::template vectors<T>;
    LossSums sums;
    T y_copy[max_block_rows], weight_copy[max_block_rows];
    for (Index begin = 0; begin < rows.count; begin += max_block_rows) {
        const Index count = std::min(max_block_rows, rows.count - begin);
        const LossSums part = kernel(contiguous(rows.y.slice(begin, count), y_copy),
                                     contiguous(rows.weight.slice(begin, count), weight_copy), count, rows.parameter,
                                     rows.eta + begin, rows.hess == nullptr ? nullptr : rows.hess + begin);
        sums.value += part.value;
        sums.gradient += part.gradient;
        sums.weight += part.weight;
    }
    return sums;
}

template <class Loss, class T>
constexpr LossBlock<T> loss_block(bool scalar) {
    if constexpr (requires { Loss::template vectors<T>; })
        if (!scalar) return vector_loss_block<Loss, T>;
    return scalar_loss_block<Loss, T>;
}

// The list of losses: a new one is its file and a line here. Null for an unknown name.
template <class T>
LossBlock<T> find_loss(const char* name, bool scalar = false) {
    if (std::strcmp(name, SquaredLoss::name) == 0) return loss_block<SquaredLoss, T>(scalar);
    if (std::strcmp(name, LogisticLoss::name) == 0) return loss_block<LogisticLoss, T>(scalar);
    if (std::strcmp(name, SquaredHingeLoss::name) == 0) return loss_block<SquaredHingeLoss, T>(scalar);
    if (std::strcmp(name, SquaredEpsilonInsensitiveLoss::name) == 0)
        return loss_block<SquaredEpsilonInsensitiveLoss, T>(scalar);
    return nullptr;
}

}  // namespace mlcraft
