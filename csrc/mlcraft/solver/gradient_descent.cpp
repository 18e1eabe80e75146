#include "mlcraft/solver/gradient_descent.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "mlcraft/core/threads.hpp"
#include "mlcraft/matrix/csr.hpp"
#include "mlcraft/matrix/dense.hpp"
#include "mlcraft/penalty/l2.hpp"

namespace mlcraft {

template <class Matrix>
PassSums fused_pass(const Matrix& x, VectorView<const typename Matrix::value_type> y,
                    VectorView<const typename Matrix::value_type> weight, const char* loss, const double* coef,
                    double intercept, int threads) {
    using T = typename Matrix::value_type;
    const SmoothRows<Matrix> rows{x, y, weight, {}, find_loss<T>(loss)};
    return smooth_pass(rows, coef, intercept, static_cast<T*>(nullptr), threads);
}

namespace {

// The problem in scaled coordinates: eta = c + (X - m) S beta.
template <class Matrix>
class ScaledProblem {
public:
    using T = typename Matrix::value_type;
    ScaledProblem(const Matrix& x, VectorView<const T> y, VectorView<const T> weight, const DescentOptions& options)
        : x_(x), y_(y), weight_(weight), options_(options), mean_(x.cols(), 0.0), scale_(x.cols(), 0.0) {
        const Index p = x.cols();
        const std::vector<double> first = sums_about(std::vector<double>(p, 0.0));
        const double total = first[3 * p];
        std::vector<double> centre(p);
        for (Index j = 0; j < p; ++j) centre[j] = first[j] / total;
        if (options.fit_intercept) mean_ = centre;
        const std::vector<double> sums = options.fit_intercept ? sums_about(centre) : first;
        for (Index j = 0; j < p; ++j) {
            const double off = options.fit_intercept ? sums[j] / total : 0.0;  // what rounding left of the mean
            const double about = sums[p + j] / total, distance = sums[2 * p + j] / total, spread = about - off * off;
            mean_[j] += off;
            if (!std::isfinite(about) || (about < 1e-280 && distance > 8e-16 * std::abs(mean_[j]))) usable_ = false;
            if (spread > 1e-10 * about && spread > 6.4e-31 * mean_[j] * mean_[j])
                scale_[j] = 1.0 / std::sqrt(spread + options.alpha);
        }
    }

    // False when squares of X leave the range of double precision.
    bool usable() const { return usable_; }

    double evaluate(const std::vector<double>& beta, double c, std::vector<double>& gradient, double& g0) const {
        const Index p = x_.cols();
        std::vector<double> b(p);
        double offset = 0;
        for (Index j = 0; j < p; ++j) {
            b[j] = scale_[j] * beta[j];
            offset += mean_[j] * b[j];
        }
        const PassSums pass = fused_pass(x_, y_, weight_, options_.loss, b.data(), c - offset, options_.threads);
        const L2Penalty penalty{options_.alpha};
        g0 = options_.fit_intercept ? pass.intercept_gradient : 0.0;
        for (Index j = 0; j < p; ++j)
            gradient[j] = scale_[j] * (pass.gradient[j] - mean_[j] * pass.intercept_gradient + penalty.gradient(b[j]));
        return pass.value + penalty.value(b.data(), p);
    }

    // Largest eigenvalue of the scaled Hessian of the squared loss; a bound for losses with hessian <= 1.
    double curvature() const {
        const Index p = x_.cols();
        std::vector<double> v(p), g(p), zero(p, 0.0), base(p);
        double g0 = 0, largest = 1;
        for (Index j = 0; j < p; ++j) v[j] = scale_[j] > 0 ? 1.0 + 0.1 * static_cast<double>(j % 7) : 0.0;
        evaluate(zero, 0, base, g0);
        for (int iteration = 0; iteration < 30; ++iteration) {
            double norm = 0;
            for (double e : v) norm += e * e;
            norm = std::sqrt(norm);
            if (!(norm > 0)) return 1;
            for (double& e : v) e /= norm;
            evaluate(v, 0, g, g0);
            double size = 0;
            for (Index j = 0; j < p; ++j) {
                v[j] = g[j] - base[j];
                size += v[j] * v[j];
            }
            size = std::sqrt(size);
            const bool settled = std::abs(size - largest) < 1e-3 * size;
            largest = size;
            if (settled) break;
        }
        return std::max(1.02 * largest, options_.fit_intercept ? 1.0 : 0.0);
    }

    void unscale(const std::vector<double>& beta, double c, DescentSolution& s) const {
        s.coef.resize(beta.size());
        s.intercept = options_.fit_intercept ? c : 0.0;
        for (std::size_t j = 0; j < beta.size(); ++j) {
            s.coef[j] = scale_[j] * beta[j];
            if (options_.fit_intercept) s.intercept -= mean_[j] * s.coef[j];
        }
    }

private:
    // For each column j: sums of w d, w d^2 and w |d| with d = x - centre; and the sum of the weights.
    std::vector<double> sums_about(const std::vector<double>& centre) const {
        const Index p = x_.cols();
        return sum_over_rows(x_.rows(), x_.block_rows(), sum_lanes(x_.rows()), 3 * p + 1, options_.threads,
                             [&](Index begin, Index count, double* out) {
                                 std::vector<double> rows(static_cast<std::size_t>(count * p)), w(count, 1.0);
                                 x_.read(begin, count, rows.data(), count);
                                 if (weight_)
                                     for (Index i = 0; i < count; ++i) w[i] = static_cast<double>(weight_[begin + i]);
                                 for (Index i = 0; i < count; ++i) out[3 * p] += w[i];
                                 for (Index j = 0; j < p; ++j)
                                     for (Index i = 0; i < count; ++i) {
                                         const double d = rows[j * count + i] - centre[j];
                                         out[j] += w[i] * d;
                                         out[p + j] += w[i] * d * d;
                                         out[2 * p + j] += w[i] * std::abs(d);
                                     }
                             });
    }

    const Matrix& x_;
    VectorView<const T> y_, weight_;
    const DescentOptions& options_;
    std::vector<double> mean_, scale_;
    bool usable_ = true;
};

double largest(const std::vector<double>& g, double g0) {
    double size = std::abs(g0);
    for (double e : g) size = std::max(size, std::abs(e));
    return size;
}

}  // namespace

template <class Matrix>
DescentSolution gradient_descent(const Matrix& x, VectorView<const typename Matrix::value_type> y,
                                 VectorView<const typename Matrix::value_type> weight, const DescentOptions& options) {
    const Index p = x.cols();
    const ScaledProblem<Matrix> problem(x, y, weight, options);
    using T = typename Matrix::value_type;
    DescentSolution s;
    if (!problem.usable()) {
        s.coef.assign(p, 0.0);
        s.status = Status::not_finite;
        return s;
    }
    const bool own_step = !(options.step > 0);
    double step = own_step ? 1.0 / problem.curvature() : options.step;
    // rounding in the type of the data bounds what the gradient can show
    const double tol = std::max(options.tol, 50.0 * static_cast<double>(std::numeric_limits<T>::epsilon()));
    std::vector<double> beta(p, 0.0), point(p, 0.0), g(p), next(p), best_point(p, 0.0);
    double c = 0, point_c = 0, best_c = 0, g0 = 0, momentum = 1;
    double value = problem.evaluate(point, point_c, g, g0);
    const double first = largest(g, g0);
    double best = value, smallest = INFINITY;
    s.gradient_norm = first > 0 ? 1.0 : 0.0;
    Index since_progress = 0;
    InterruptPoll interrupt;
    while (true) {
        const double size = first > 0 ? largest(g, g0) / first : largest(g, g0);
        if (!std::isfinite(size) || !std::isfinite(value) || (!own_step && value > 1e6 * best)) {
            s.status = Status::diverged;
            break;
        }
        if (value <= best || size <= tol) {
            best = value;
            best_point = point;
            best_c = point_c;
            s.gradient_norm = size;
        }
        if (size <= tol) {
            s.status = Status::converged;
            break;
        }
        ++since_progress;
        if (size < 0.99 * smallest) {
            smallest = size;
            since_progress = 0;
        }
        if (since_progress > 2000) {
            s.status = Status::stalled;
            break;
        }
        if (s.iterations >= options.max_iter) break;
        if (interrupt.poll()) {
            s.status = Status::interrupted;
            break;
        }
        ++s.iterations;
        double inner = 0;  // gradient . (new - old): positive means that momentum points uphill
        for (Index j = 0; j < p; ++j) {
            next[j] = point[j] - step * g[j];
            inner += g[j] * (next[j] - beta[j]);
        }
        const double next_c = point_c - step * g0;
        inner += g0 * (next_c - c);
        double push = 0;
        if (options.accelerated) {
            if (inner > 0) momentum = 1;
            const double following = (1 + std::sqrt(1 + 4 * momentum * momentum)) / 2;
            push = (momentum - 1) / following;
            momentum = following;
        }
        for (Index j = 0; j < p; ++j) {
            point[j] = next[j] + push * (next[j] - beta[j]);
            beta[j] = next[j];
        }
        point_c = next_c + push * (next_c - c);
        c = next_c;
        const double before = value;
        value = problem.evaluate(point, point_c, g, g0);
        if (own_step && !options.accelerated && value > before * (1 + 1e-12)) step /= 2;
    }
    problem.unscale(best_point, best_c, s);
    s.objective = best;
    return s;
}

#define MLCRAFT_DESCENT(M)                                                                                      \
    template PassSums fused_pass<M>(const M&, VectorView<const M::value_type>, VectorView<const M::value_type>, \
                                    const char*, const double*, double, int);                                   \
    template DescentSolution gradient_descent<M>(const M&, VectorView<const M::value_type>,                     \
                                                 VectorView<const M::value_type>, const DescentOptions&);
MLCRAFT_DESCENT(DenseMatrix<double>)
MLCRAFT_DESCENT(DenseMatrix<float>)
using Csr64 = CsrMatrix<double, std::int32_t>;
using Csr32 = CsrMatrix<float, std::int32_t>;
using LongCsr64 = CsrMatrix<double, std::int64_t>;
using LongCsr32 = CsrMatrix<float, std::int64_t>;
MLCRAFT_DESCENT(Csr64)
MLCRAFT_DESCENT(Csr32)
MLCRAFT_DESCENT(LongCsr64)
MLCRAFT_DESCENT(LongCsr32)

}  // namespace mlcraft
