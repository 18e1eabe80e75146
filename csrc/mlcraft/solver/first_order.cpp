#include "mlcraft/solver/first_order.hpp"

#include <algorithm>
#include <cmath>

#include "mlcraft/solver/descent_run.hpp"

namespace mlcraft {
namespace {

using Next = DescentRun::Next;

struct Move {
    double along = 0;   // gradient . move
    double square = 0;  // |move|^2
};

Move move_between(const DescentPoint& from, const Values& to) {
    Move move;
    for (std::size_t j = 0; j < to.size(); ++j) {
        const double d = to[j] - from.theta[j];
        move.along += from.gradient[j] * d;
        move.square += d * d;
    }
    return move;
}

// How the gradient of the loss changed along a move: inner product and square.
struct Bend {
    double inner = 0, square = 0;
};

Bend bend_between(const DescentPoint& from, const DescentPoint& to) {
    Bend bend;
    for (std::size_t j = 0; j < to.theta.size(); ++j) {
        const double e = to.gradient[j] - from.gradient[j];
        bend.inner += e * (to.theta[j] - from.theta[j]);
        bend.square += e * e;
    }
    return bend;
}

// What rounding may do to an objective.
double slack_of(const DescentRun& run, double objective) { return 50 * run.problem.precision * std::abs(objective); }

// Whether the parabola of curvature 1 / step above the loss at `from` holds at `to`: by the values, or where those
// drown in rounding by the gradients, which tell the same of a quadratic.
bool is_below_parabola(const DescentRun& run, const DescentPoint& from, const DescentPoint& to, double step) {
    const Move move = move_between(from, to.theta);
    const double height = move.square / (2 * step);
    if (height > 100 * slack_of(run, from.loss)) return to.loss <= from.loss + move.along + height;
    return bend_between(from, to).inner <= 2 * height;
}

void take_step(DescentRun& run, const DescentPoint& from, double step, Values& to) {
    to.resize(from.theta.size());
    for (std::size_t j = 0; j < to.size(); ++j) to[j] = from.theta[j] - step * from.gradient[j];
    run.prox(to, step);
}

// The step, or 1 / L for the curvature L met between two points where that is shorter: never too short for a quadratic
// (cocoercivity). Changes of the gradient that may be rounding tell nothing.
double shortened(const DescentRun& run, double step, const DescentPoint& from, const DescentPoint& to) {
    const Bend bend = bend_between(from, to);
    const double noise = 1e4 * run.problem.precision * run.problem.residual;
    return bend.inner > 0 && bend.square > noise * noise ? std::min(step, bend.inner / bend.square) : step;
}

// The largest of the last objectives: what a non-monotone line search must stay below.
class Recent {
public:
    void add(double value) { values_[count_++ % 10] = value; }
    double largest() const { return *std::max_element(values_, values_ + std::min<Index>(count_, 10)); }

private:
    double values_[10] = {};
    Index count_ = 0;
};

}  // namespace

void gradient_steps(DescentRun& run) {
    const std::string& rule = run.options.step_rule;
    const bool spectral = rule == "barzilai_borwein";
    const bool search = spectral || rule == "backtracking" || (rule == "auto" && run.own_step());
    DescentPoint at = run.start(), next;
    double step = run.first_step();
    Recent recent;
    for (bool odd = false;; odd = !odd) {
        const Next now = run.arrive(at);
        if (now == Next::stop) return;
        if (now == Next::back) {
            step /= 4;
            at = run.best;
            continue;
        }
        recent.add(at.objective);
        const double slack = slack_of(run, at.objective);
        for (int attempt = 0;; ++attempt) {
            take_step(run, at, step, next.theta);
            run.evaluate(next);
            if (!search) break;
            const double square = move_between(at, next.theta).square;
            const bool good = spectral ? next.objective <= recent.largest() - 1e-4 * square / (2 * step) + slack
                                       : is_below_parabola(run, at, next, step);
            if (good) break;
            if (attempt == 40) return run.finish("stalled");
            if (run.out_of_time()) return;
            step /= 2;
        }
        if (!search && run.own_step() && next.objective > at.objective + slack) step /= 2;
        if (search && !spectral) step *= 1.2;
        if (spectral) {
            const Bend bend = bend_between(at, next);
            const double square = move_between(at, next.theta).square;
            if (bend.inner > 0) step = odd ? square / bend.inner : bend.inner / bend.square;
            step = std::clamp(step, 1e-8 / run.lipschitz(), 1e8 / run.lipschitz());
        }
        std::swap(at, next);
    }
}

void momentum_steps(DescentRun& run) {
    DescentPoint at = run.start(), before = at;
    double step = run.first_step();
    Values last = at.theta, next(at.theta.size());
    while (true) {
        const Next now = run.arrive(at);
        if (now == Next::stop) return;
        if (now == Next::back) {
            step /= 4;
            at = before = run.best;
            last = at.theta;
            continue;
        }
        if (run.own_step()) step = shortened(run, step, before, at);
        double uphill = 0;
        for (std::size_t j = 0; j < next.size(); ++j) uphill += at.gradient[j] * (at.theta[j] - last[j]);
        // the gradient is that of the loss alone: with a penalty it is the objective that tells what is uphill
        const bool turn =
            run.options.penalty == "none" ? uphill > 0 : at.objective > before.objective + slack_of(run, at.objective);
        const double push = run.options.restart && turn ? 0.0 : run.options.momentum;
        for (std::size_t j = 0; j < next.size(); ++j)
            next[j] = at.theta[j] - step * at.gradient[j] + push * (at.theta[j] - last[j]);
        run.prox(next, step);
        before = at;
        last = at.theta;
        at.theta = next;
        run.evaluate(at);
    }
}

// The gradient is taken ahead of the iterate x, at `at` = x + beta (x - last x): that is what is measured and returned.
void accelerated_steps(DescentRun& run) {
    const bool search = run.options.step_rule == "backtracking";
    DescentPoint at = run.start(), before = at, trial;
    Values x = at.theta, last;
    double step = run.first_step(), pace = 1;
    while (true) {
        const Next now = run.arrive(at);
        if (now == Next::stop) return;
        if (now == Next::back) {
            step /= 4;
            pace = 1;
            at = before = run.best;
            x = at.theta;
            continue;
        }
        if (run.own_step() && !search) step = shortened(run, step, before, at);
        last = x;
        take_step(run, at, step, x);
        for (int attempt = 0; search; ++attempt) {
            trial.theta = x;
            run.evaluate(trial);
            if (is_below_parabola(run, at, trial, step)) break;
            if (attempt == 40) return run.finish("stalled");
            if (run.out_of_time()) return;
            step /= 2;
            take_step(run, at, step, x);
        }
        if (search) step *= 1.1;
        double uphill = 0;
        for (std::size_t j = 0; j < x.size(); ++j) uphill += (at.theta[j] - x[j]) * (x[j] - last[j]);
        if (run.options.restart && uphill > 0) pace = 1;
        const double following = (1 + std::sqrt(1 + 4 * pace * pace)) / 2, push = (pace - 1) / following;
        pace = following;
        std::swap(before, at);
        at.theta.resize(x.size());
        for (std::size_t j = 0; j < x.size(); ++j) at.theta[j] = x[j] + push * (x[j] - last[j]);
        run.contain(at.theta, x);
        run.evaluate(at);
    }
}

}  // namespace mlcraft
