// Logistic loss: value log(1 + exp(eta)) - y eta, gradient mu - y, hessian mu (1 - mu), with mu = 1 / (1 + exp(-eta)).
// Domain: all real eta; y in [0, 1] (the probability, or share, of class 1).
#pragma once

#include <algorithm>
#include <cmath>

#include "mlcraft/simd/kernels.hpp"

namespace mlcraft {

struct LogisticLoss {
    static constexpr const char* name = "logistic";
    template <class T>
    static constexpr auto vectors = &simd::LossKernels<T>::logistic;
    template <class T>
    static T value(T y, T eta, T = 0) {
        return std::max(eta, T(0)) - y * eta + std::log1p(std::exp(-std::abs(eta)));
    }
    template <class T>
    static T gradient(T y, T eta, T = 0) {
        const T small = std::exp(-std::abs(eta));  // never overflows
        const T other = small / (1 + small);       // of the less likely class: keeps its digits where mu tends to y
        return eta < 0 ? other - y : (1 - y) - other;
    }
    template <class T>
    static T hessian(T, T eta, T = 0) {
        const T small = std::exp(-std::abs(eta));
        return small / ((1 + small) * (1 + small));
    }
};

}  // namespace mlcraft
