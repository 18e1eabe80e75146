// Half the Poisson deviance with the logarithm as link, but for a term without eta: value exp(eta) - y eta, gradient
// exp(eta) - y, hessian exp(eta). Domain: y >= 0; eta up to 709 (float: 88), above which all three are infinite.
#pragma once

#include <cmath>

#include "mlcraft/simd/kernels.hpp"

namespace mlcraft {

struct PoissonLoss {
    static constexpr const char* name = "poisson";
    template <class T>
    static constexpr auto vectors = &simd::LossKernels<T>::poisson;
    template <class T>
    static T value(T y, T eta, T = 0) {
        return std::exp(eta) - y * eta;
    }
    template <class T>
    static T gradient(T y, T eta, T = 0) {
        return std::exp(eta) - y;
    }
    template <class T>
    static T hessian(T, T eta, T = 0) {
        return std::exp(eta);
    }
};

}  // namespace mlcraft
