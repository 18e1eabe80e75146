// The mean loss of a linear model as first-order methods see it: value and gradient over all rows or over some of them,
// in coordinates theta in which columns of any scale and mean are alike (coordinates.hpp). For each class k,
// theta[k (p + 1) + j] = b_kj / scale_j, then the intercept at the mean of the columns. The methods are compiled once,
// whatever the storage and the type of the data.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "mlcraft/core/types.hpp"
#include "mlcraft/solver/coordinates.hpp"

namespace mlcraft {

struct DescentLoss {
    std::string name = "squared";
    double parameter = 0;
    Index classes = 1;                     // of the multinomial loss
    std::array<std::uintptr_t, 2> user{};  // a user's loss: functions of a block of rows, float64 and float32
    bool smooth = true;                    // whether it has a gradient everywhere
};

// Rows drawn for one step, ascending and distinct, with the factors that make the mean of many steps the full gradient.
struct RowBatch {
    std::vector<Index> rows;
    std::vector<double> factor;
};

// What a step takes from the rows of its batch beside their gradient; absent parts are null.
struct BatchPlan {
    const std::vector<double>* reference = nullptr;  // SVRG: subtract the gradients at this point
    std::vector<double>* table = nullptr;            // SAGA: subtract the last derivatives by eta, keep the new
    std::vector<double>* average = nullptr;          // add the full gradient that these make (SAGA: kept up to date)
};

class DescentProblem {
public:
    virtual ~DescentProblem() = default;

    // Mean loss and its gradient, in one pass over the rows.
    virtual double evaluate(const std::vector<double>& theta, std::vector<double>& gradient) = 0;
    // w_i times the derivative of the loss by eta_i, class by class.
    virtual void fill_table(const std::vector<double>& theta, std::vector<double>& table) = 0;
    virtual void batch(const RowBatch& rows, const std::vector<double>& theta, const BatchPlan& plan,
                       std::vector<double>& direction) = 0;
    // Asks for the memory of rows that come next.
    virtual void ask_for(const RowBatch& rows) const = 0;
    // Largest eigenvalue of the second moments of the scaled columns, from a sample where there are many rows.
    virtual double largest_eigenvalue() = 0;
    // w_i (1 + |scaled row|^2)
    virtual std::vector<double> row_sizes() const = 0;

    void to_raw(const std::vector<double>& theta, std::vector<double>& coef, std::vector<double>& intercept) const;
    void to_theta(const std::vector<double>& coef, const std::vector<double>& intercept,
                  std::vector<double>& theta) const;
    // In place: the gradient by b and c, class by class, becomes that by theta.
    void scale_gradient(std::vector<double>& gradient) const;

    Index rows = 0, cols = 0, classes = 1;
    double row_length = 0;  // stored elements of a row, on average
    Coordinates at;
    std::vector<double> fixed;  // coefficients of the columns without variance, which no loss depends on
    double weight_sum = 0, passes = 0;
    double precision = eps;          // unit of rounding of the data
    bool usable = true;              // false: not finite, or squares of the data leave the range of double precision
    std::vector<double> null_start;  // intercepts of the best model without columns
    double residual = 1;             // root mean square of the loss's derivative there
    double spread = 1;               // length of theta that matters to the loss
    double curvature = 1;   // bound of the loss's second derivative, or where it has none its mean at the null model
    bool is_smooth = true;  // whether the loss has a gradient everywhere
};

template <class Matrix>
std::unique_ptr<DescentProblem> descent_problem(const Matrix& x, VectorView<const typename Matrix::value_type> y,
                                                VectorView<const typename Matrix::value_type> weight,
                                                VectorView<const typename Matrix::value_type> offset,
                                                const DescentLoss& loss, bool fit_intercept, int threads);

}  // namespace mlcraft
