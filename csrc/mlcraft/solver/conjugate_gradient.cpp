#include "mlcraft/solver/conjugate_gradient.hpp"

#include <algorithm>
#include <cmath>

#include "mlcraft/core/threads.hpp"

namespace mlcraft {
namespace {

double dot(const std::vector<double>& a, const std::vector<double>& b) {
    double sum = 0;
    for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
    return sum;
}

// A = W^(1/2) (X - 1 m') S
template <class T, class I>
class Operator {
public:
    Operator(const CsrMatrix<T, I>& x, VectorView<const T> weight, const Moments& means, bool equilibrate, int threads)
        : x_(x), root_(x.rows(), 1.0), mean_(means.x_mean), scale_(x.cols(), 1.0), threads_(threads),
          lanes_(std::clamp<Index>(x.stored() / 200'000, 1, 8)) {
        if (weight)
            for (Index i = 0; i < x.rows(); ++i) root_[i] = std::sqrt(static_cast<double>(weight[i]));
        // only where the solution is unique: the minimum norm refers to the original coordinates
        if (!equilibrate) return;
        double low = INFINITY, high = 0;
        for (double size : means.x_size)
            if (size > 0) {
                low = std::min(low, size);
                high = std::max(high, size);
            }
        if (high > 1e3 * low)
            for (Index j = 0; j < x.cols(); ++j) scale_[j] = means.x_size[j] > 0 ? 1.0 / means.x_size[j] : 0.0;
    }

    const std::vector<double>& root() const { return root_; }
    const std::vector<double>& scale() const { return scale_; }

    void times(const std::vector<double>& v, std::vector<double>& out) const {
        std::vector<double> scaled(v.size());
        double offset = 0;
        for (std::size_t j = 0; j < v.size(); ++j) {
            scaled[j] = v[j] * scale_[j];
            offset += mean_[j] * scaled[j];
        }
        parallel_tasks(lanes_, threads_, [&](Index lane) {
            const Index begin = lane * x_.rows() / lanes_, end = (lane + 1) * x_.rows() / lanes_;
            for (Index i = begin; i < end; ++i) out[i] = root_[i] * (x_.row_dot(i, scaled.data()) - offset);
        });
    }

    void transposed_times(const std::vector<double>& r, std::vector<double>& out) const {
        const Index p = x_.cols();
        std::vector<double> parts(static_cast<std::size_t>(lanes_ * p), 0.0), totals(lanes_, 0.0), weighted(r.size());
        parallel_tasks(lanes_, threads_, [&](Index lane) {
            const Index begin = lane * x_.rows() / lanes_, end = (lane + 1) * x_.rows() / lanes_;
            for (Index i = begin; i < end; ++i) {
                weighted[i] = root_[i] * r[i];
                totals[lane] += weighted[i];
            }
            x_.transposed_times(begin, end - begin, weighted.data() + begin, parts.data() + lane * p);
        });
        double total = 0;
        for (double t : totals) total += t;
        for (Index j = 0; j < p; ++j) {
            double sum = 0;
            for (Index lane = 0; lane < lanes_; ++lane) sum += parts[lane * p + j];
            out[j] = scale_[j] * (sum - mean_[j] * total);
        }
    }

private:
    const CsrMatrix<T, I>& x_;
    std::vector<double> root_;
    const std::vector<double>& mean_;
    std::vector<double> scale_;
    int threads_;
    Index lanes_;
};

}  // namespace

template <class T, class I>
ConjugateGradientSolution conjugate_gradient(const CsrMatrix<T, I>& x, VectorView<const T> y,
                                             VectorView<const T> weight, const Moments& means, Index target,
                                             double alpha, double tol, Index max_iter, int threads) {
    const Index n = x.rows(), p = x.cols();
    const Operator<T, I> A(x, weight, means, alpha > 0, threads);
    std::vector<double> target_values(n), b(p, 0.0), r(n), s(p), direction(p), q(n);
    for (Index i = 0; i < n; ++i) target_values[i] = A.root()[i] * (static_cast<double>(y[i]) - means.y_mean[target]);
    // the penalty in scaled coordinates: alpha S^2
    std::vector<double> penalty(p);
    for (Index j = 0; j < p; ++j) penalty[j] = alpha * A.scale()[j] * A.scale()[j];

    ConjugateGradientSolution solution;
    InterruptPoll interrupt;
    r = target_values;
    A.transposed_times(r, s);
    const double start = std::sqrt(dot(s, s));
    direction = s;
    double gamma = dot(s, s), best = gamma;
    std::vector<double> best_b = b;
    Index since_best = 0;
    bool verified = false;
    if (!(start > 0)) solution.status = Status::converged;
    while (solution.status == Status::max_iter && solution.iterations < max_iter) {
        if (interrupt.poll()) {
            solution.status = Status::interrupted;
            break;
        }
        if (std::sqrt(gamma) <= tol * start || since_best > 100) {
            // the recurrence drifts: begin anew from the true residual, once
            if (since_best > 100) b = best_b;
            A.times(b, q);
            for (Index i = 0; i < n; ++i) r[i] = target_values[i] - q[i];
            A.transposed_times(r, s);
            for (Index j = 0; j < p; ++j) s[j] -= penalty[j] * b[j];
            gamma = dot(s, s);
            if (std::sqrt(gamma) <= 2 * tol * start) {
                solution.status = Status::converged;
                break;
            }
            if (verified) {
                solution.status = std::sqrt(gamma) <= 1e-6 * start ? Status::converged : Status::stalled;
                break;
            }
            verified = true;
            since_best = 0;
            best = gamma;
            best_b = b;
            direction = s;
        }
        A.times(direction, q);
        double curvature = dot(q, q);
        for (Index j = 0; j < p; ++j) curvature += penalty[j] * direction[j] * direction[j];
        if (!(curvature > 0)) {
            solution.status = Status::stalled;
            break;
        }
        const double step = gamma / curvature;
        for (Index j = 0; j < p; ++j) b[j] += step * direction[j];
        for (Index i = 0; i < n; ++i) r[i] -= step * q[i];
        A.transposed_times(r, s);
        for (Index j = 0; j < p; ++j) s[j] -= penalty[j] * b[j];
        const double following = dot(s, s), ratio = following / gamma;
        gamma = following;
        for (Index j = 0; j < p; ++j) direction[j] = s[j] + ratio * direction[j];
        ++solution.iterations;
        if (gamma < 0.9 * best) {
            best = gamma;
            best_b = b;
            since_best = 0;
        } else {
            ++since_best;
        }
    }
    solution.gradient_norm = start > 0 ? std::sqrt(gamma) / start : 0.0;
    A.times(b, q);
    for (Index i = 0; i < n; ++i) {
        solution.total += target_values[i] * target_values[i];
        solution.residual += (target_values[i] - q[i]) * (target_values[i] - q[i]);
    }
    solution.coef.resize(p);
    for (Index j = 0; j < p; ++j) solution.coef[j] = b[j] * A.scale()[j];
    return solution;
}

#define MLCRAFT_CG(T, I)                                                                                            \
    template ConjugateGradientSolution conjugate_gradient<T, I>(const CsrMatrix<T, I>&, VectorView<const T>,        \
                                                                VectorView<const T>, const Moments&, Index, double, \
                                                                double, Index, int);
MLCRAFT_CG(double, std::int32_t)
MLCRAFT_CG(double, std::int64_t)
MLCRAFT_CG(float, std::int32_t)
MLCRAFT_CG(float, std::int64_t)

}  // namespace mlcraft
