// Minimises a smooth convex function by L-BFGS (Nocedal 1980) in a metric: the two-loop recursion starts from the
// inverse of a given approximation of the Hessian, so that with a good one few iterations are left. The step comes from
// a line search on the slope (secant, within a bracket), which rounding of the value does not mislead near the minimum.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "mlcraft/core/types.hpp"

namespace mlcraft {

inline double inner_product(const std::vector<double>& a, const std::vector<double>& b) {
    double sum = 0;
    for (std::size_t j = 0; j < a.size(); ++j) sum += a[j] * b[j];
    return sum;
}

struct QuasiNewtonControl {
    double tol = 1e-9;        // bound on Objective::certificate
    double decrement = 0;     // stops also when gradient' metric^-1 gradient is below (start on a sample)
    double rounding = 1e-15;  // of the value and the gradient, relative
    Index max_iter = 1000;
    bool scaled = true;  // the metric's scale is corrected by the last step (not needed where it is the Hessian's)
};

struct QuasiNewtonResult {
    double value = 0;
    double certificate = 0;
    Index iterations = 0;
    Status status = Status::max_iter;
    std::vector<double> step;  // the last one
};

// The inverse Hessian from the last steps s and changes of gradient y.
class StepMemory {
public:
    explicit StepMemory(std::size_t most) : most_(most) {}
    void clear() { pairs_.clear(); }
    bool empty() const { return pairs_.empty(); }

    void add(std::vector<double> s, std::vector<double> y) {
        const double sy = inner_product(s, y);
        if (!(sy > 1e-14 * std::sqrt(inner_product(s, s) * inner_product(y, y)))) return;
        if (pairs_.size() == most_) pairs_.erase(pairs_.begin());
        pairs_.push_back({std::move(s), std::move(y), 1 / sy});
    }

    // -H g, with `metric.solve(g, out)` as the first approximation of H.
    template <class Metric>
    std::vector<double> direction(const Metric& metric, const std::vector<double>& gradient, bool scaled) const {
        std::vector<double> q = gradient, a(pairs_.size()), r(gradient.size());
        for (std::size_t k = pairs_.size(); k-- > 0;) {
            a[k] = pairs_[k].rho * inner_product(pairs_[k].s, q);
            for (std::size_t j = 0; j < q.size(); ++j) q[j] -= a[k] * pairs_[k].y[j];
        }
        metric.solve(q.data(), r.data());
        if (scaled && !pairs_.empty()) {
            std::vector<double> hy(r.size());
            metric.solve(pairs_.back().y.data(), hy.data());
            const double size = inner_product(pairs_.back().y, hy);
            if (size > 0)
                for (double& e : r) e *= 1 / (pairs_.back().rho * size);
        }
        for (std::size_t k = 0; k < pairs_.size(); ++k) {
            const double b = pairs_[k].rho * inner_product(pairs_[k].y, r);
            for (std::size_t j = 0; j < r.size(); ++j) r[j] += (a[k] - b) * pairs_[k].s[j];
        }
        for (double& e : r) e = -e;
        return r;
    }

private:
    struct Pair {
        std::vector<double> s, y;
        double rho;
    };
    std::size_t most_;
    std::vector<Pair> pairs_;
};

// Newton's direction by conjugate gradients in the metric, to a precision that grows as the solution comes near
// (Dembo, Eisenstat and Steihaug 1982).
template <class Objective>
std::vector<double> newton_direction(Objective& objective, const std::vector<double>& theta,
                                     const std::vector<double>& gradient, double certificate) {
    objective.prepare_hess(theta);
    const std::size_t size = gradient.size();
    std::vector<double> x(size, 0.0), r(size), z(size), d(size), product(size);
    for (std::size_t j = 0; j < size; ++j) r[j] = -gradient[j];
    objective.metric().solve(r.data(), z.data());
    d = z;
    double rz = inner_product(r, z);
    const double precision = std::min(0.3, std::sqrt(certificate)), enough = precision * precision * rz;
    for (int iteration = 0; iteration < 300 && rz > enough; ++iteration) {
        objective.hess_times(d, product);
        const double curvature = inner_product(d, product);
        if (!(curvature > 0)) {
            if (iteration == 0) x = d;  // nothing but the metric knows how far to go
            break;
        }
        const double step = rz / curvature;
        for (std::size_t j = 0; j < size; ++j) {
            x[j] += step * d[j];
            r[j] -= step * product[j];
        }
        objective.metric().solve(r.data(), z.data());
        const double before = rz;
        rz = inner_product(r, z);
        for (std::size_t j = 0; j < size; ++j) d[j] = z[j] + rz / before * d[j];
        if (objective.poll()) break;
    }
    return x;
}

// Objective: evaluate(theta, gradient) -> value; certificate(gradient); metric(); improve_metric(certificate,
// certificate before, theta) -> whether it has changed the metric; wants_conjugate_gradients(), prepare_hess(theta) and
// hess_times(v, out), for a metric too plain for the corrections of L-BFGS; after_iteration(iterations, value,
// certificate) -> whether to stop (interrupt, callback).
template <class Objective>
QuasiNewtonResult minimise(Objective& objective, std::vector<double>& theta, const QuasiNewtonControl& control) {
    const std::size_t size = theta.size();
    QuasiNewtonResult result;
    result.step.assign(size, 0.0);
    std::vector<double> gradient(size), trial(size), trial_gradient(size), metric_gradient(size);
    double value = objective.evaluate(theta, gradient);
    double certificate = objective.certificate(gradient);
    StepMemory memory(12);
    double best = certificate;
    Index since_best = 0;
    result.value = value;
    result.certificate = certificate;
    if (!std::isfinite(value) || !std::isfinite(certificate)) {
        result.status = Status::not_finite;
        return result;
    }
    const auto finished = [&] {
        if (certificate <= control.tol) return true;
        if (!(control.decrement > 0)) return false;
        objective.metric().solve(gradient.data(), metric_gradient.data());
        return inner_product(gradient, metric_gradient) <= control.decrement;
    };
    while (true) {
        if (finished()) {
            result.status = Status::converged;
            break;
        }
        if (result.iterations >= control.max_iter) break;
        const bool by_conjugate_gradients = objective.wants_conjugate_gradients();
        std::vector<double> direction = by_conjugate_gradients
                                            ? newton_direction(objective, theta, gradient, certificate)
                                            : memory.direction(objective.metric(), gradient, control.scaled);
        double slope = inner_product(gradient, direction);
        if (!(slope < 0) && !memory.empty()) {
            memory.clear();
            direction = memory.direction(objective.metric(), gradient, control.scaled);
            slope = inner_product(gradient, direction);
        }
        if (!(slope < 0)) {
            result.status = Status::stalled;
            break;
        }
        // a step whose slope is a tenth of the first one at most, and whose value is not above the start's
        double step = 1, low = 0, low_slope = slope, high = 0, high_slope = 0, trial_value = value, trial_slope = 0;
        bool good = false;
        const double noise = 200 * control.rounding * std::abs(value);
        for (int attempt = 0; attempt < 40; ++attempt) {
            for (std::size_t j = 0; j < size; ++j) trial[j] = theta[j] + step * direction[j];
            trial_value = objective.evaluate(trial, trial_gradient);
            trial_slope = inner_product(trial_gradient, direction);
            const bool usable = std::isfinite(trial_value) && std::isfinite(trial_slope);
            if (usable && trial_value <= value + 1e-4 * step * slope + noise && std::abs(trial_slope) <= -0.9 * slope) {
                good = true;
                break;
            }
            double next = 0;
            if (!usable) {
                high = step;
                high_slope = 0;
                next = low + (step - low) / 10;
            } else if (trial_slope > 0 || trial_value > value + 1e-4 * step * slope + noise) {
                high = step;
                high_slope = trial_slope;
            } else {
                const double bend = (trial_slope - low_slope) / (step - low);
                next = bend > 0 ? std::clamp(step - trial_slope / bend, 1.5 * step, 10 * step) : 4 * step;
                low = step;
                low_slope = trial_slope;
            }
            if (high > 0 && usable) {
                next = high_slope > 0 ? low - low_slope * (high - low) / (high_slope - low_slope) : (low + high) / 2;
                next = std::clamp(next, low + 0.05 * (high - low), high - 0.05 * (high - low));
            }
            if (high > 0 && high - low < 1e-10 * high) break;
            step = next;
        }
        if (!good && !(trial_value <= value + noise && objective.certificate(trial_gradient) < certificate)) {
            if (!memory.empty()) {  // once more, from the metric alone
                memory.clear();
                continue;
            }
            if (objective.improve_metric(certificate, certificate, theta)) continue;
            result.status = Status::stalled;
            break;
        }
        for (std::size_t j = 0; j < size; ++j) {
            result.step[j] = trial[j] - theta[j];
            theta[j] = trial[j];
            trial[j] = trial_gradient[j] - gradient[j];
        }
        if (!by_conjugate_gradients) memory.add(result.step, trial);
        gradient.swap(trial_gradient);
        value = trial_value;
        const double before = certificate;
        certificate = objective.certificate(gradient);
        ++result.iterations;
        if (objective.after_iteration(result.iterations, value, certificate)) {
            result.status = Status::interrupted;
            break;
        }
        if (certificate < 0.9 * best) {
            best = certificate;
            since_best = 0;
        } else if (++since_best > 30 && certificate <= 1e4 * control.rounding) {
            result.status = Status::stalled;  // rounding is all that is left
            break;
        }
        if (certificate > control.tol && objective.improve_metric(certificate, before, theta)) memory.clear();
    }
    result.value = value;
    result.certificate = certificate;
    return result;
}

}  // namespace mlcraft
