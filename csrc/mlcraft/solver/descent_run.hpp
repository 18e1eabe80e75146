// One run of a first-order method: what all of them share. Points and their certificates, the best of them, the limits,
// the trace and the callback; the methods are loops around `evaluate`, `arrive` and `prox`.
#pragma once

#include <chrono>
#include <memory>
#include <vector>

#include "mlcraft/core/threads.hpp"
#include "mlcraft/penalty/penalty.hpp"
#include "mlcraft/solver/first_order.hpp"

namespace mlcraft {

using Values = std::vector<double>;

struct DescentPoint {
    Values theta, gradient;  // the gradient is that of the loss
    double loss = 0, objective = 0;
};

class DescentRun {
public:
    enum class Next { go, stop, back };  // back: the steps are too long; start again from `best` with shorter ones

    DescentRun(DescentProblem& problem, const FirstOrderOptions& options);

    DescentPoint start();
    void evaluate(DescentPoint& at);
    // An iterate that has been evaluated: keeps it if it is the best, and says how to go on: with so many iterations,
    // which are counted as done, before the next one is measured.
    Next arrive(const DescentPoint& at, Index ahead = 1);
    void keep(const DescentPoint& at);  // as the best, if it is
    Index iterations() const { return solution_.iterations; }
    // Ends the run where it stands.
    void finish(const char* status) { solution_.status = status; }
    // Between iterates: whether the user or the clock wants an end.
    bool out_of_time();
    FirstOrderSolution result();

    void prox(Values& theta, double step);
    void prox(Values& theta, const Values& steps);
    void contain(Values& theta, const Values& inside);  // back into the domain of the penalty, or to a point inside
    double penalty_value(const Values& theta);

    bool own_step() const { return !(options.step > 0); }
    double lipschitz();  // bound or estimate of the largest curvature, in scaled coordinates
    double first_step() { return own_step() ? 1 / lipschitz() : options.step; }

    DescentProblem& problem;
    const FirstOrderOptions& options;
    DescentPoint best;
    double best_certificate = 0;

private:
    void make_penalty();
    double certificate(const DescentPoint& at);
    void keep(const DescentPoint& at, double size);
    double seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - began_).count(); }

    std::unique_ptr<Penalty> penalty_;
    FirstOrderSolution solution_;
    std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
    InterruptPoll interrupt_;
    double tol_, first_objective_ = 0, smallest_ = INFINITY, largest_curvature_ = 0;
    Index arrivals_ = 0, since_progress_ = 0, backs_ = 0;
    Values coef_, intercept_, raw_, raw_step_, violation_;
};

inline double dot(const Values& a, const Values& b) {
    double sum = 0;
    for (std::size_t j = 0; j < a.size(); ++j) sum += a[j] * b[j];
    return sum;
}

// first_order.cpp: loops over all rows at each step
void gradient_steps(DescentRun& run);
void momentum_steps(DescentRun& run);
void accelerated_steps(DescentRun& run);
// stochastic.cpp
void adaptive_steps(DescentRun& run);
void variance_reduced_steps(DescentRun& run);

}  // namespace mlcraft
