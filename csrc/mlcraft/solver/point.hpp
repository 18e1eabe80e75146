// The mean loss sum w_i loss(y_i, eta_i) / sum w_i at a point: value, gradient and Hessian, without a solver. Points,
// gradients and the sides of Hessians are (coefficients, intercept), class after class.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "mlcraft/core/types.hpp"

namespace mlcraft {

struct PointLoss {
    std::string loss = "squared";
    double parameter = 0;                       // delta, epsilon or quantile
    std::array<std::uintptr_t, 2> user_loss{};  // see SmoothOptions
    bool user_hess = true;
    Index classes = 1;  // more: of the multinomial loss
};

template <class T>
struct PointRows {
    VectorView<const T> y, weight, offset;  // no offset with classes
};

struct PointValue {
    double value = 0, weight_sum = 0;
    std::vector<double> gradient;
};

template <class Matrix>
PointValue value_and_gradient(const Matrix& x, const PointRows<typename Matrix::value_type>& rows,
                              const PointLoss& loss, const std::vector<double>& point, int threads);

// Symmetric, row-major. Throws std::invalid_argument where the loss has none.
template <class Matrix>
std::vector<double> hessian(const Matrix& x, const PointRows<typename Matrix::value_type>& rows, const PointLoss& loss,
                            const std::vector<double>& point, int threads);

}  // namespace mlcraft
