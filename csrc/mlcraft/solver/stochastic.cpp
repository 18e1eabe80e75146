#include <algorithm>
#include <cmath>

#include "mlcraft/solver/descent_run.hpp"
#include "mlcraft/solver/row_sampler.hpp"

namespace mlcraft {
namespace {

using Next = DescentRun::Next;

// Theta averaged with weights that rise with the step, so that the start is forgotten.
class WeightedAverage {
public:
    void restart() { count_ = 0; }
    void add(const Values& theta) {
        if (count_++ == 0) mean_ = theta;
        const double share = 2 / (static_cast<double>(count_) + 1);
        for (std::size_t j = 0; j < mean_.size(); ++j) mean_[j] += share * (theta[j] - mean_[j]);
    }
    bool any() const { return count_ > 0; }
    const Values& mean() const { return mean_; }

private:
    Values mean_;
    Index count_ = 0;
};

// Length and direction of one step: plain, or divided by the size that the gradient has had in each coordinate.
class StepRule {
public:
    StepRule(const FirstOrderOptions& options, std::size_t size)
        : options_(options), scaled_(options.solver != "sgd"), sums_(options.solver == "adagrad"),
          decay_(options.solver == "adam" ? options.momentum : 0.0), mean_(size, 0.0), square_(size, 0.0) {}

    bool is_scaled() const { return scaled_; }
    void restart() {
        if (sums_) return;
        std::fill(mean_.begin(), mean_.end(), 0.0);
        std::fill(square_.begin(), square_.end(), 0.0);
        count_ = 0;
    }
    // theta moves, before the prox; `steps` becomes the metric of the prox.
    void move(Values& theta, const Values& gradient, double length, Values& steps) {
        ++count_;
        if (!scaled_) {
            steps.assign(1, length);
            for (std::size_t j = 0; j < theta.size(); ++j) theta[j] -= length * gradient[j];
            return;
        }
        steps.resize(theta.size());
        const double t = static_cast<double>(count_), beta = options_.beta2;
        const double mean_bias = 1 - std::pow(decay_, t), square_bias = sums_ ? 1.0 : 1 - std::pow(beta, t);
        for (std::size_t j = 0; j < theta.size(); ++j) {
            const double g = gradient[j];
            mean_[j] = decay_ * mean_[j] + (1 - decay_) * g;
            square_[j] = sums_ ? square_[j] + g * g : beta * square_[j] + (1 - beta) * g * g;
            const double size = std::sqrt(square_[j] / square_bias);
            steps[j] = size > 0 ? length / size : 0.0;
            theta[j] -= steps[j] * (mean_[j] / mean_bias);
        }
    }

private:
    const FirstOrderOptions& options_;
    bool scaled_, sums_;
    double decay_;
    Values mean_, square_;
    Index count_ = 0;
};

// Which epochs end with a pass over all rows, for the certificate: the first ones all, later every eighth of those
// done.
Index epochs_until_check(Index done) { return std::clamp<Index>(done / 8, 1, 8); }

// Rows in a batch: where the noise of a batch is as large as the curvature of all rows, and no fewer than pay for a
// step in all columns of a sparse X.
Index rows_of_batch(DescentRun& run) {
    if (run.options.batch_size > 0) return run.options.batch_size;
    const DescentProblem& problem = run.problem;
    const double columns = static_cast<double>(problem.cols + 1);
    const double noise = 2 * columns * problem.curvature / (problem.is_smooth ? run.lipschitz() : problem.curvature);
    const double rows = std::max(noise, 2 * columns / std::max(problem.row_length, 1.0));
    return std::clamp<Index>(static_cast<Index>(rows), 16,
                             std::max<Index>(16, std::min<Index>(problem.rows / 8, 4096)));
}

// Curvature that a step over a batch has to reckon with (Gower et al. 2019).
double batch_curvature(DescentRun& run, const RowSampler& sampler) {
    return run.lipschitz() +
           2 * run.problem.curvature * sampler.mean_size() / static_cast<double>(sampler.batch_size());
}

// The length of the k-th step, k counted in epochs.
class Schedule {
public:
    Schedule(DescentRun& run, const RowSampler* sampler) : options_(run.options) {
        const DescentProblem& problem = run.problem;
        name_ = options_.schedule;
        if (name_ == "auto") name_ = options_.solver == "adagrad" ? "constant" : "step_decay";
        const bool plain = options_.solver == "sgd";
        if (!run.own_step())
            base_ = options_.step;
        else if (!plain)
            base_ = (options_.solver == "adagrad" ? 0.5 : 0.1) * problem.spread;
        else if (problem.is_smooth)
            base_ = 1 / batch_curvature(run, *sampler);
        else
            base_ = problem.spread / (problem.residual * std::sqrt(sampler->mean_size()));
        double square = 0;
        for (double s : problem.at.scale) square += s * s;
        if (options_.penalty == "l2" || options_.penalty == "elastic_net")
            strength_ = options_.alpha * (options_.penalty == "l2" ? 1.0 : 1 - options_.l1_ratio) * square /
                        static_cast<double>(std::max<Index>(problem.cols, 1));
        steps_ = sampler != nullptr ? static_cast<double>(sampler->steps_in_epoch()) : 1.0;
    }
    double length(double epochs) const {
        double share = 1;
        if (name_ == "invscaling" || (name_ == "optimal" && strength_ == 0))
            share = std::pow(1 + epochs, name_ == "optimal" ? -0.5 : -options_.power);
        else if (name_ == "optimal")
            share = 1 / (1 + base_ * strength_ * epochs * steps_);
        return base_ * share * shrink_;
    }
    bool decays() const { return name_ == "step_decay"; }
    void shorten(double factor) { shrink_ *= factor; }
    bool is_spent() const { return shrink_ < 1e-10; }

private:
    const FirstOrderOptions& options_;
    std::string name_;
    double base_ = 1, strength_ = 0, steps_ = 1, shrink_ = 1;
};

// Whether an objective has come down since the last ones.
class Progress {
public:
    explicit Progress(int patience) : patience_(patience) {}
    bool is_missing(double objective) {
        if (std::isinf(lowest_) || objective < lowest_ - 1e-13 * std::abs(lowest_)) {
            lowest_ = objective;
            waited_ = 0;
        } else if (++waited_ >= patience_) {
            waited_ = 0;
            return true;
        }
        return false;
    }
    void restart(double objective) { lowest_ = objective; }

private:
    double lowest_ = INFINITY;
    int patience_, waited_ = 0;
};

}  // namespace

void adaptive_steps(DescentRun& run) {
    const FirstOrderOptions& options = run.options;
    std::unique_ptr<RowSampler> sampler;
    if (options.solver == "sgd" || options.batch_size > 0) {
        sampler = std::make_unique<RowSampler>(run.problem, rows_of_batch(run), options.seed);
        ++run.problem.passes;
    }
    DescentPoint at = run.start(), inner;
    Values theta = at.theta, direction, steps;
    Schedule schedule(run, sampler.get());
    StepRule rule(options, theta.size());
    WeightedAverage average;
    const Index in_epoch = sampler ? sampler->steps_in_epoch() : 1;
    Progress progress(!sampler ? 20 : in_epoch < 100 ? 3 : 1);
    for (Index done = 0;;) {
        const Next now = run.arrive(at, sampler ? epochs_until_check(done) : 1);
        if (now == Next::stop) return;
        const bool back = now == Next::back, poor = !back && schedule.decays() && progress.is_missing(at.objective);
        if (back || poor) {
            schedule.shorten(back ? 0.25 : 0.5);
            if (schedule.is_spent()) return run.finish("stalled");
            if (back || !sampler) {
                at = run.best;
                theta = at.theta;
                rule.restart();
            } else {
                progress.restart(at.objective);  // the lowest so far may have been luck
            }
            average.restart();
            if (back) continue;
        }
        for (const Index end = run.iterations(); done < end; ++done) {
            for (Index k = 0; k < in_epoch; ++k) {
                const double epochs =
                    static_cast<double>(done) + static_cast<double>(k) / static_cast<double>(in_epoch);
                if (sampler) {
                    run.problem.batch(sampler->draw(), theta, {}, direction);
                } else if (options.average) {
                    inner.theta = theta;
                    run.evaluate(inner);
                    direction = inner.gradient;
                } else {
                    direction = at.gradient;
                }
                rule.move(theta, direction, schedule.length(epochs), steps);
                run.prox(theta, steps);
                if (options.average) average.add(theta);
                if (sampler && run.out_of_time()) {
                    at.theta = theta;
                    run.evaluate(at);
                    return run.keep(at);
                }
            }
            if (sampler) ++run.problem.passes;
        }
        at.theta = options.average ? average.mean() : theta;
        run.evaluate(at);
    }
}

void variance_reduced_steps(DescentRun& run) {
    const bool saga = run.options.solver == "saga";
    DescentProblem& problem = run.problem;
    RowSampler sampler(problem, rows_of_batch(run), run.options.seed);
    ++problem.passes;
    DescentPoint at = run.start();
    double step = run.own_step() ? 1 / (3 * batch_curvature(run, sampler)) : run.options.step;
    double before = INFINITY;
    Values theta = at.theta, direction, table, average;
    const auto fill = [&] {
        theta = at.theta;
        if (saga) problem.fill_table(theta, table);
        average = at.gradient;
    };
    fill();
    for (Index done = 0;;) {
        const Next now = run.arrive(at, saga ? epochs_until_check(done) : 1);
        if (now == Next::stop) return;
        if (now == Next::back) {
            step /= 4;
            at = run.best;
            fill();
            continue;
        }
        const double slack = 1e-9 * problem.residual * problem.spread + 50 * problem.precision * std::abs(before);
        if (run.own_step() && done > 0 && at.objective > before + slack) step /= 2;
        before = at.objective;
        if (!saga) fill();
        const Values reference = theta;
        const BatchPlan plan = saga ? BatchPlan{nullptr, &table, &average} : BatchPlan{&reference, nullptr, &average};
        for (const Index end = run.iterations(); done < end; ++done) {
            for (Index k = 0; k < sampler.steps_in_epoch(); ++k) {
                problem.batch(sampler.draw(), theta, plan, direction);
                for (std::size_t j = 0; j < theta.size(); ++j) theta[j] -= step * direction[j];
                run.prox(theta, step);
                if (run.out_of_time()) {
                    at.theta = theta;
                    run.evaluate(at);
                    return run.keep(at);
                }
            }
            ++problem.passes;
        }
        at.theta = theta;
        run.evaluate(at);
    }
}

}  // namespace mlcraft
