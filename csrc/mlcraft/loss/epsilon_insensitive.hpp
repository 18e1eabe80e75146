// Epsilon-insensitive loss: value max(0, |y - eta| - epsilon), a subgradient sign(eta - y) where |y - eta| > epsilon,
// else 0. Not smooth: no hessian. Domain: all real y and eta; epsilon >= 0.
#pragma once

#include <algorithm>
#include <cmath>

#include "mlcraft/simd/kernels.hpp"

namespace mlcraft {

struct EpsilonInsensitiveLoss {
    static constexpr const char* name = "epsilon_insensitive";
    template <class T>
    static constexpr auto vectors = &simd::LossKernels<T>::epsilon_insensitive;
    template <class T>
    static T value(T y, T eta, T epsilon) {
        return std::max(std::abs(y - eta) - epsilon, T(0));
    }
    template <class T>
    static T gradient(T y, T eta, T epsilon) {
        if (!(std::abs(y - eta) > epsilon)) return 0;
        return eta > y ? T(1) : T(-1);
    }
};

}  // namespace mlcraft
