// Quantile loss (Koenker and Bassett 1978): with u = y - eta, value q u for u >= 0, else (q - 1) u; a subgradient -q
// for u > 0, 1 - q for u < 0, 0 between them. Not smooth: no hessian. Domain: all real y and eta; 0 < q < 1.
#pragma once

#include "mlcraft/simd/kernels.hpp"

namespace mlcraft {

struct QuantileLoss {
    static constexpr const char* name = "quantile";
    template <class T>
    static constexpr auto vectors = &simd::LossKernels<T>::quantile;
    template <class T>
    static T value(T y, T eta, T q) {
        const T u = y - eta;
        return u < 0 ? (q - 1) * u : q * u;
    }
    template <class T>
    static T gradient(T y, T eta, T q) {
        if (eta == y) return 0;
        return eta < y ? -q : 1 - q;
    }
};

}  // namespace mlcraft
