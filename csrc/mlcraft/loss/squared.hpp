// Squared error: value (y - eta)^2 / 2, gradient eta - y, hessian 1 (derivatives by eta). Domain: all real y and eta.
#pragma once

#include "mlcraft/simd/kernels.hpp"

namespace mlcraft {

struct SquaredLoss {
    static constexpr const char* name = "squared";
    template <class T>
    static constexpr auto vectors = &simd::LossKernels<T>::squared;
    template <class T>
    static T value(T y, T eta, T = 0) {
        const T r = eta - y;
        return r * r / 2;
    }
    template <class T>
    static T gradient(T y, T eta, T = 0) {
        return eta - y;
    }
    template <class T>
    static T hessian(T, T, T = 0) {
        return 1;
    }
};

}  // namespace mlcraft
