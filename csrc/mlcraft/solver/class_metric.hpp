// The metric of multinomial logistic regression: the Hessian by classes and columns, or a product that is near it.
#pragma once

#include <algorithm>
#include <utility>
#include <vector>

#include "mlcraft/core/types.hpp"
#include "mlcraft/moments/cholesky.hpp"
#include "mlcraft/solver/metric.hpp"

namespace mlcraft {

// One of two approximations of the Hessian, factorised.
class ClassMetric {
public:
    void set_size(Index classes, Index columns) {
        classes_ = classes;
        columns_ = columns;
    }
    // C (x) A, with A over the columns and the pseudo-inverse of C over the classes.
    void multiply(const Metric& columns, std::vector<double> classes_inverse) {
        columns_metric_ = columns;
        inverse_ = std::move(classes_inverse);
        lower_.clear();
    }
    void fill(std::vector<double> lower, std::vector<double> unit) {
        lower_ = std::move(lower);
        unit_ = std::move(unit);
    }
    bool is_full() const { return !lower_.empty(); }
    bool is_diagonal() const { return !is_full() && columns_metric_.is_diagonal(); }

    void solve(const double* gradient, double* out) const {
        const Index step = columns_ + 1, size = classes_ * step;
        if (is_full()) {
            for (Index j = 0; j < size; ++j) out[j] = unit_[j] * gradient[j];
            solve_lower(lower_.data(), size, out);
            solve_lower_transposed(lower_.data(), size, out);
            for (Index j = 0; j < size; ++j) out[j] *= unit_[j];
            return;
        }
        std::vector<double> mixed(static_cast<std::size_t>(step));
        for (Index k = 0; k < classes_; ++k) {
            std::fill(mixed.begin(), mixed.end(), 0.0);
            for (Index l = 0; l < classes_; ++l)
                for (Index j = 0; j < step; ++j) mixed[j] += inverse_[k * classes_ + l] * gradient[l * step + j];
            columns_metric_.solve(mixed.data(), out + k * step);
        }
    }

private:
    Index classes_ = 0, columns_ = 0;
    Metric columns_metric_;
    std::vector<double> inverse_, lower_, unit_;
};

// The inverse of C on vectors that sum to zero; C is symmetric, its rows sum to zero.
inline std::vector<double> inverse_of_contrasts(std::vector<double> c, Index classes) {
    const double size = static_cast<double>(classes);
    double trace = 0;
    for (Index k = 0; k < classes; ++k) trace += c[k * (classes + 1)];
    for (double& e : c) e += trace / (size * size);
    for (Index k = 0; k < classes; ++k) c[k * (classes + 1)] += 1e-6 * trace / size;  // classes without a row
    std::vector<double> inverse(static_cast<std::size_t>(classes * classes), 0.0);
    cholesky(c.data(), classes, 0.0, 1);
    for (Index k = 0; k < classes; ++k) {
        double* row = inverse.data() + k * classes;
        row[k] = 1;
        solve_lower(c.data(), classes, row);
        solve_lower_transposed(c.data(), classes, row);
    }
    return inverse;
}

}  // namespace mlcraft
