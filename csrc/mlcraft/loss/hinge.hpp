// Hinge: value max(0, 1 - y eta), a subgradient -y where 1 - y eta > 0, else 0. Not smooth: no hessian.
// Domain: all real eta; y is -1 or 1.
#pragma once

#include <algorithm>

#include "mlcraft/simd/kernels.hpp"

namespace mlcraft {

struct HingeLoss {
    static constexpr const char* name = "hinge";
    template <class T>
    static constexpr auto vectors = &simd::LossKernels<T>::hinge;
    template <class T>
    static T value(T y, T eta, T = 0) {
        return std::max(T(1) - y * eta, T(0));
    }
    template <class T>
    static T gradient(T y, T eta, T = 0) {
        return y * eta < T(1) ? -y : T(0);
    }
};

}  // namespace mlcraft
