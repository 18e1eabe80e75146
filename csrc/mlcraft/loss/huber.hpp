// Huber's loss (1964): with u = eta - y, value u^2 / 2 for |u| <= delta, else delta |u| - delta^2 / 2; gradient u cut
// off at -delta and delta; hessian 1 where |u| <= delta, else 0. Domain: all real y and eta; delta > 0.
#pragma once

#include <algorithm>
#include <cmath>

#include "mlcraft/simd/kernels.hpp"

namespace mlcraft {

struct HuberLoss {
    static constexpr const char* name = "huber";
    template <class T>
    static constexpr auto vectors = &simd::LossKernels<T>::huber;
    template <class T>
    static T value(T y, T eta, T delta) {
        const T u = std::abs(eta - y);
        return u <= delta ? u * u / 2 : delta * (u - delta / 2);
    }
    template <class T>
    static T gradient(T y, T eta, T delta) {
        return std::clamp(eta - y, -delta, delta);
    }
    template <class T>
    static T hessian(T y, T eta, T delta) {
        return std::abs(eta - y) <= delta ? T(1) : T(0);
    }
};

}  // namespace mlcraft
