#include "mlcraft/solver/descent_run.hpp"

#include <algorithm>
#include <cmath>

#include "mlcraft/penalty/box.hpp"
#include "mlcraft/penalty/elastic_net.hpp"
#include "mlcraft/penalty/group.hpp"
#include "mlcraft/penalty/user.hpp"

namespace mlcraft {

DescentRun::DescentRun(DescentProblem& given, const FirstOrderOptions& chosen)
    : problem(given), options(chosen), tol_(std::max(chosen.tol, 50 * given.precision)) {
    make_penalty();
    if (options.penalty == "box")  // where a column that never varies has its coefficient
        penalty_->prox(problem.fixed.data(), Values(problem.fixed.size(), 0.0).data(), problem.cols);
}

void DescentRun::make_penalty() {
    const std::string& name = options.penalty;
    const double ratio = name == "l1" ? 1.0 : name == "elastic_net" ? options.l1_ratio : 0.0;
    if (name == "box")
        penalty_ = std::make_unique<BoxPenalty>(options.lower, options.upper);
    else if (name == "group")
        penalty_ = std::make_unique<GroupPenalty>(options.alpha, options.groups);
    else if (name == "user")
        penalty_ = std::make_unique<UserPenalty>(options.user_penalty[0], options.user_penalty[1]);
    else
        penalty_ = std::make_unique<ElasticNetPenalty>(options.alpha * ratio, options.alpha * (1 - ratio));
    if (name == "none") penalty_ = std::make_unique<ElasticNetPenalty>(0.0, 0.0);
}

DescentPoint DescentRun::start() {
    DescentPoint at;
    if (!options.coef.empty()) {
        problem.to_theta(options.coef, options.intercepts, at.theta);
    } else {
        at.theta.assign(static_cast<std::size_t>(problem.classes * (problem.cols + 1)), 0.0);
        if (problem.at.intercept)
            for (Index k = 0; k < problem.classes; ++k)
                at.theta[k * (problem.cols + 1) + problem.cols] = problem.null_start[k];
    }
    if (options.penalty == "box") prox(at.theta, 0.0);
    evaluate(at);
    return at;
}

double DescentRun::penalty_value(const Values& theta) {
    if (options.penalty == "none") return 0;
    problem.to_raw(theta, coef_, intercept_);
    double value = 0;
    for (Index k = 0; k < problem.classes; ++k) value += penalty_->value(coef_.data() + k * problem.cols, problem.cols);
    return value;
}

void DescentRun::evaluate(DescentPoint& at) {
    at.loss = problem.evaluate(at.theta, at.gradient);
    at.objective = at.loss + penalty_value(at.theta);
}

// The prox in theta with step t is that in b with step t scale^2.
void DescentRun::prox(Values& theta, const Values& steps) {
    if (options.penalty == "none") return;
    const Index p = problem.cols;
    const Values& scale = problem.at.scale;
    raw_.resize(p);
    raw_step_.resize(p);
    for (Index k = 0; k < problem.classes; ++k) {
        double* t = theta.data() + k * (p + 1);
        for (Index j = 0; j < p; ++j) {
            raw_[j] = scale[j] * t[j];
            raw_step_[j] = (steps.size() == 1 ? steps[0] : steps[k * (p + 1) + j]) * scale[j] * scale[j];
        }
        penalty_->prox(raw_.data(), raw_step_.data(), p);
        for (Index j = 0; j < p; ++j) t[j] = scale[j] > 0 ? raw_[j] / scale[j] : 0.0;
    }
}

void DescentRun::prox(Values& theta, double step) { prox(theta, Values(1, step)); }

void DescentRun::contain(Values& theta, const Values& inside) {
    if (options.penalty == "box") prox(theta, 0.0);
    if (options.penalty == "user" && !std::isfinite(penalty_value(theta))) theta = inside;
}

double DescentRun::lipschitz() {
    if (largest_curvature_ == 0) largest_curvature_ = problem.curvature * problem.largest_eigenvalue();
    return largest_curvature_;
}

double DescentRun::certificate(const DescentPoint& at) {
    const Index p = problem.cols;
    const Values& scale = problem.at.scale;
    raw_.resize(p);
    raw_step_.resize(p);
    violation_.resize(p);
    problem.to_raw(at.theta, coef_, intercept_);
    double largest = 0;
    const auto meet = [&](double v) { largest = std::isnan(v) ? v : std::max(largest, std::abs(v)); };
    for (Index k = 0; k < problem.classes; ++k) {
        const double* g = at.gradient.data() + k * (p + 1);
        for (Index j = 0; j < p; ++j) {
            raw_[j] = scale[j] > 0 ? g[j] / scale[j] : 0.0;
            raw_step_[j] = scale[j] * scale[j];
        }
        penalty_->violation(coef_.data() + k * p, raw_.data(), raw_step_.data(), violation_.data(), p);
        for (Index j = 0; j < p; ++j)
            if (scale[j] > 0) meet(violation_[j] * scale[j]);
        meet(g[p]);
    }
    return largest / problem.residual;
}

bool DescentRun::out_of_time() {
    const char* status = interrupt_.poll()                                      ? "interrupted"
                         : options.max_time > 0 && seconds() > options.max_time ? "max_time"
                                                                                : nullptr;
    if (status != nullptr) solution_.status = status;
    return status != nullptr;
}

void DescentRun::keep(const DescentPoint& at) { keep(at, certificate(at)); }

void DescentRun::keep(const DescentPoint& at, double size) {
    if (!std::isfinite(at.objective) || !std::isfinite(size)) return;
    if (at.objective < best.objective || (size <= tol_ && size < best_certificate)) {
        best = at;
        best_certificate = size;
    }
}

DescentRun::Next DescentRun::arrive(const DescentPoint& at, Index ahead) {
    const double size = certificate(at);
    const bool finite = std::isfinite(at.objective) && std::isfinite(size);
    const bool first = arrivals_++ == 0;
    if (first) {
        first_objective_ = at.objective;
        best = at;
        best_certificate = size;
        if (!finite) solution_.status = "not_finite";
        if (!finite) return Next::stop;
    }
    // a loss of which little is known may rise at first, but not by thousands of its own size
    const double natural = problem.residual * problem.spread;
    if (!finite || at.objective > first_objective_ + 1e4 * natural) {
        if (own_step() && ++backs_ <= 100) return out_of_time() ? Next::stop : Next::back;
        solution_.status = "diverged";
        return Next::stop;
    }
    keep(at, size);
    const bool reached = size <= tol_, last = solution_.iterations >= options.max_iter;
    if (options.trace)
        solution_.trace.push_back(
            {static_cast<double>(solution_.iterations), problem.passes, seconds(), at.objective, size});
    if (options.callback && options.callback(solution_.iterations, at.objective, size)) {
        solution_.status = "interrupted";
        return Next::stop;
    }
    ++since_progress_;
    if (size < 0.99 * smallest_) {
        smallest_ = size;
        since_progress_ = 0;
    }
    if (reached || last || since_progress_ > 2000) {
        solution_.status = reached ? "converged" : last ? "max_iter" : "stalled";
        return Next::stop;
    }
    if (out_of_time()) return Next::stop;
    solution_.iterations = std::min(options.max_iter, solution_.iterations + ahead);
    return Next::go;
}

FirstOrderSolution DescentRun::result() {
    problem.to_raw(best.theta, solution_.coef, solution_.intercepts);
    if (options.penalty == "box") {  // exactly: scaling there and back rounds
        const Values none(static_cast<std::size_t>(problem.cols), 0.0);
        for (Index k = 0; k < problem.classes; ++k)
            penalty_->prox(solution_.coef.data() + k * problem.cols, none.data(), problem.cols);
    }
    solution_.objective = best.objective;
    solution_.certificate = best_certificate;
    solution_.passes = problem.passes;
    return solution_;
}

FirstOrderSolution descend(DescentProblem& problem, const FirstOrderOptions& options) {
    DescentRun run(problem, options);
    if (!problem.usable) {
        FirstOrderSolution none;
        none.coef.assign(static_cast<std::size_t>(problem.classes * problem.cols), 0.0);
        none.intercepts.assign(static_cast<std::size_t>(problem.classes), 0.0);
        none.status = "not_finite";
        none.passes = problem.passes;
        return none;
    }
    const std::string& solver = options.solver;
    if (solver == "gd")
        gradient_steps(run);
    else if (solver == "momentum")
        momentum_steps(run);
    else if (solver == "nesterov" || solver == "fista")
        accelerated_steps(run);
    else if (solver == "svrg" || solver == "saga")
        variance_reduced_steps(run);
    else
        adaptive_steps(run);
    return run.result();
}

}  // namespace mlcraft
