// Squared epsilon-insensitive loss: value max(0, |y - eta| - epsilon)^2, gradient 2 sign(eta - y) max(0, ...), hessian
// 2 outside the tube, else 0. Domain: all real y and eta; epsilon >= 0.
#pragma once

#include <algorithm>
#include <cmath>

#include "mlcraft/simd/kernels.hpp"

namespace mlcraft {

struct SquaredEpsilonInsensitiveLoss {
    static constexpr const char* name = "squared_epsilon_insensitive";
    template <class T>
    static constexpr auto vectors = &simd::LossKernels<T>::squared_epsilon_insensitive;
    template <class T>
    static T value(T y, T eta, T epsilon) {
        const T slack = std::max(std::abs(y - eta) - epsilon, T(0));
        return slack * slack;
    }
    template <class T>
    static T gradient(T y, T eta, T epsilon) {
        const T slack = std::max(std::abs(y - eta) - epsilon, T(0));
        return eta > y ? 2 * slack : -2 * slack;
    }
    template <class T>
    static T hessian(T y, T eta, T epsilon) {
        return std::abs(y - eta) > epsilon ? T(2) : T(0);
    }
};

}  // namespace mlcraft
