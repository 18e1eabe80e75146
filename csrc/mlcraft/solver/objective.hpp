// What the objectives of the smooth solvers share: the certificate, the account of what has been spent, and who may end
// a fit.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "mlcraft/core/threads.hpp"
#include "mlcraft/solver/quasi_newton.hpp"
#include "mlcraft/solver/smooth.hpp"
#include "mlcraft/solver/work_estimate.hpp"

namespace mlcraft {

class MetricObjective {
public:
    MetricObjective(const SmoothOptions& options, const WorkEstimate& work, double residual)
        : options_(options), work_(work), residual_(residual) {}

    // The largest element of the gradient, over the size of the residuals without any column.
    double certificate(const std::vector<double>& gradient) const {
        double largest = 0;
        for (double g : gradient) largest = std::isnan(g) ? g : std::max(largest, std::abs(g));
        return largest / residual_;
    }

    bool after_iteration(Index iteration, double value, double certificate) {
        if (options_.callback && report_ && options_.callback(iteration, value, certificate, passes_)) return true;
        return interrupt_.poll();
    }
    bool poll() { return interrupt_.poll(); }

    void report() { report_ = true; }  // the iterations from now on are the callback's
    bool interrupted() const { return interrupt_.stopped(); }
    Index passes() const { return passes_; }
    Index grams() const { return grams_; }
    Index age() const { return age_; }
    const WorkEstimate& work() const { return work_; }

protected:
    bool is(SmoothMethod method) const { return options_.method == method; }

    // Counts an iteration; how many passes are left by the rate of the last ones, `slow` where there is none.
    double passes_left(double certificate, double before, bool inner, double slow) {
        const double rate = age_ == 0 ? certificate / before : std::sqrt(certificate / before_last_);
        before_last_ = before;
        ++age_;
        ++iterations_;
        const double spent = inner ? static_cast<double>(passes_ - passes_before_) : 1.0;
        passes_before_ = passes_;
        return spent * (rate < 0.95 ? std::log(options_.tol / certificate) / std::log(rate) : slow);
    }
    void metric_made() {
        age_ = 0;
        ++grams_;
    }

    const SmoothOptions& options_;
    WorkEstimate work_;
    double residual_;
    bool report_ = false;
    double before_last_ = 0;
    Index passes_ = 0, passes_before_ = 0, grams_ = 0, age_ = 0, iterations_ = 0;
    InterruptPoll interrupt_;
};

inline QuasiNewtonControl smooth_control(const SmoothOptions& options, double rounding) {
    QuasiNewtonControl control;
    control.rounding = rounding;
    control.tol = std::max(options.tol, 30 * rounding);
    control.max_iter = options.max_iter;
    return control;
}

// At the limit of the arithmetic the certificate is as small as it gets.
inline Status smooth_status(const QuasiNewtonResult& found, const QuasiNewtonControl& control) {
    const bool small = found.certificate <= std::max(10 * control.tol, 100 * control.rounding);
    return found.status == Status::stalled && small ? Status::converged : found.status;
}

inline bool has_ended(Status status) {
    return status == Status::converged || status == Status::stalled || status == Status::max_iter;
}

}  // namespace mlcraft
