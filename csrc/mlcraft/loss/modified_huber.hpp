// Modified Huber loss for two classes (Zhang 2004): with z = y eta, value max(0, 1 - z)^2 for z >= -1, else -4 z;
// gradient -2 y min(2, max(0, 1 - z)); hessian 2 where -1 <= z < 1, else 0. Domain: all real eta; y is -1 or 1.
#pragma once

#include <algorithm>

#include "mlcraft/simd/kernels.hpp"

namespace mlcraft {

struct ModifiedHuberLoss {
    static constexpr const char* name = "modified_huber";
    template <class T>
    static constexpr auto vectors = &simd::LossKernels<T>::modified_huber;
    template <class T>
    static T value(T y, T eta, T = 0) {
        const T slack = std::max(T(1) - y * eta, T(0));
        return slack <= T(2) ? slack * slack : T(-4) * y * eta;
    }
    template <class T>
    static T gradient(T y, T eta, T = 0) {
        return T(-2) * y * std::min(std::max(T(1) - y * eta, T(0)), T(2));
    }
    template <class T>
    static T hessian(T y, T eta, T = 0) {
        const T margin = T(1) - y * eta;
        return margin > T(0) && margin <= T(2) ? T(2) : T(0);
    }
};

}  // namespace mlcraft
