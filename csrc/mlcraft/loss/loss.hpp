// Losses on blocks of rows, by name. One indirect call a block.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>

#include "mlcraft/core/types.hpp"
#include "mlcraft/loss/epsilon_insensitive.hpp"
#include "mlcraft/loss/hinge.hpp"
#include "mlcraft/loss/huber.hpp"
#include "mlcraft/loss/logistic.hpp"
#include "mlcraft/loss/modified_huber.hpp"
#include "mlcraft/loss/poisson.hpp"
#include "mlcraft/loss/quantile.hpp"
#include "mlcraft/loss/squared.hpp"
#include "mlcraft/loss/squared_epsilon_insensitive.hpp"
#include "mlcraft/loss/squared_hinge.hpp"

namespace mlcraft {

// A user's loss on a block of rows: weight may be null (all one); eta, in: the linear predictor, out: w * gradient;
// hess, out: w * hessian, null where it is not asked for; sums[0..2] += sum of w * value, of w * gradient and of w.
template <class T>
struct UserLoss {
    void (*block)(std::int64_t count, const T* y, const T* weight, T* eta, T* hess, double* sums) = nullptr;
    bool has_hess = true;  // otherwise never asked for it: differences of its gradient take the place
};

// From addresses for double and for float.
template <class T>
UserLoss<T> user_loss_at(const std::array<std::uintptr_t, 2>& addresses, bool has_hess = true) {
    return {reinterpret_cast<decltype(UserLoss<T>::block)>(addresses[std::is_same_v<T, float> ? 1 : 0]), has_hess};
}

// A block of rows: what a loss reads and writes. The weight may be absent.
template <class T>
struct LossRows {
    Index count = 0;
    VectorView<const T> y;
    VectorView<const T> weight;
    T* eta = nullptr;    // in: the linear predictor; out: w * gradient
    T* hess = nullptr;   // out: w * hessian, where it is asked for
    T parameter = 0;     // of the loss, where it has one (delta, epsilon or quantile)
    UserLoss<T> user{};  // called by the loss "user"
};

using LossSums = simd::LossSums;

template <class T>
using LossBlock = LossSums (*)(const LossRows<T>& rows);

template <class Loss>
constexpr bool has_hessian = requires { &Loss::template hessian<double>; };

// Row by row from the scalar definition: for a loss that has no loop of its own in simd/, and to hold against those.
template <class Loss, class T>
LossSums scalar_loss_block(const LossRows<T>& rows) {
    LossSums sums;
    for (Index i = 0; i < rows.count; ++i) {
        const T y = rows.y[i], eta = rows.eta[i], w = rows.weight ? rows.weight[i] : T(1);
        const T gradient = w * Loss::gradient(y, eta, rows.parameter);
        if (rows.hess != nullptr) {
            if constexpr (has_hessian<Loss>)
                rows.hess[i] = w * Loss::hessian(y, eta, rows.parameter);
            else
                rows.hess[i] = 0;
        }
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

template <class T>
LossSums user_loss_block(const LossRows<T>& rows) {
    constexpr double nan = std::numeric_limits<double>::quiet_NaN();
    if (rows.user.block == nullptr) return {nan, nan, nan};  // there is none for this type
    double sums[3] = {};
    T y_copy[max_block_rows], weight_copy[max_block_rows];
    for (Index begin = 0; begin < rows.count; begin += max_block_rows) {
        const Index count = std::min(max_block_rows, rows.count - begin);
        const T* y = contiguous(rows.y.slice(begin, count), y_copy);
        const T* weight = contiguous(rows.weight.slice(begin, count), weight_copy);
        T *eta = rows.eta + begin, *hess = rows.hess == nullptr ? nullptr : rows.hess + begin;
        if (hess == nullptr || rows.user.has_hess) {
            rows.user.block(count, y, weight, eta, hess, sums);
            continue;
        }
        T above[max_block_rows], step[max_block_rows];
        double unused[3] = {};
        for (Index i = 0; i < count; ++i) {
            above[i] = eta[i] + std::sqrt(std::numeric_limits<T>::epsilon()) * (1 + std::abs(eta[i]));
            step[i] = above[i] - eta[i];
        }
        rows.user.block(count, y, weight, above, nullptr, unused);
        rows.user.block(count, y, weight, eta, nullptr, sums);
        for (Index i = 0; i < count; ++i) hess[i] = std::max((above[i] - eta[i]) / step[i], T(0));
    }
    return {sums[0], sums[1], sums[2]};
}

template <class Loss, class T>
constexpr LossBlock<T> loss_block(bool scalar) {
    if constexpr (requires { Loss::template vectors<T>; })
        if (!scalar) return vector_loss_block<Loss, T>;
    return scalar_loss_block<Loss, T>;
}

template <class... Loss>
struct LossList {
    template <class T>
    static LossBlock<T> find(const char* name, bool scalar) {
        LossBlock<T> found = nullptr;
        ((std::strcmp(name, Loss::name) == 0 ? (found = loss_block<Loss, T>(scalar), true) : false) || ...);
        return found;
    }
    static bool smooth(const char* name) { return ((std::strcmp(name, Loss::name) == 0 && has_hessian<Loss>) || ...); }
};

// A new loss is its file and a word here.
using Losses = LossList<SquaredLoss, LogisticLoss, SquaredHingeLoss, HingeLoss, ModifiedHuberLoss, HuberLoss,
                        EpsilonInsensitiveLoss, SquaredEpsilonInsensitiveLoss, QuantileLoss, PoissonLoss>;

// Null for an unknown name.
template <class T>
LossBlock<T> find_loss(const char* name, bool scalar = false) {
    if (std::strcmp(name, "user") == 0) return user_loss_block<T>;
    return Losses::find<T>(name, scalar);
}

// Whether it has a hessian, if only a generalised one. A user's loss is taken at its word.
inline bool is_smooth_loss(const char* name) { return std::strcmp(name, "user") == 0 || Losses::smooth(name); }

}  // namespace mlcraft
