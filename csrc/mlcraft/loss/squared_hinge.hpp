// Squared hinge: value max(0, 1 - y eta)^2, gradient -2 y max(0, 1 - y eta), hessian 2 where 1 - y eta > 0, else 0.
// Domain: all real eta; y is -1 or 1.
#pragma once

#include <algorithm>

#include "mlcraft/simd/kernels.hpp"

namespace mlcraft {

struct SquaredHingeLoss {
    static constexpr const char* name = "squared_hinge";
    template <class T>
    static constexpr auto vectors = &simd::LossKernels<T>::squared_hinge;
    template <class T>
    static T value(T y, T eta, T = 0) {
        const T slack = std::max(T(1) - y * eta, T(0));
        return slack * slack;
    }
    template <class T>
    static T gradient(T y, T eta, T = 0) {
        return T(-2) * y * std::max(T(1) - y * eta, T(0));
    }
    template <class T>
    static T hessian(T y, T eta, T = 0) {
        return y * eta < T(1) ? T(2) : T(0);
    }
};

}  // namespace mlcraft
