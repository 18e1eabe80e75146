#include "mlcraft/solver/refinement.hpp"

#include <algorithm>
#include <cmath>

#include "mlcraft/core/double_double.hpp"
#include "mlcraft/core/threads.hpp"
#include "mlcraft/moments/cholesky.hpp"
#include "mlcraft/simd/kernels.hpp"

namespace mlcraft {
namespace {

constexpr Index block = simd::extended_block;
constexpr int max_steps = 12;

// Coefficients and fitted centre of all targets, hi and lo apart as the kernels want them.
struct Extended {
    std::vector<double> hi, lo;
    explicit Extended(Index size) : hi(size, 0.0), lo(size, 0.0) {}
    DoubleDouble get(Index i) const { return {hi[i], lo[i]}; }
    void set(Index i, DoubleDouble v) {
        hi[i] = v.hi;
        lo[i] = v.lo;
    }
};

// The gradient sum_i w_i r_i [x_i - m, 1] of each target over the rows of one lane.
void lane_gradient(const RowSource& rows, Index begin, Index end, const double* mean, const Extended& coef,
                   const Extended& centre, Extended& g) {
    const auto& kernels = simd::kernels().extended;
    const Index p = rows.cols, k = rows.targets;
    std::vector<double> a_hi(p * block), a_lo(p * block), y(k * block);
    double weight[block], r_hi[block], r_lo[block];
    for (Index first = begin; first < end; first += block) {
        const Index count = std::min(block, end - first);
        rows.read_features(first, count, a_hi.data(), block);
        rows.read_targets(first, count, y.data(), block);
        rows.read_weights(first, count, weight);
        for (Index j = 0; j < p; ++j) {
            double* column = &a_hi[j * block];
            for (Index i = count; i < block; ++i) column[i] = mean[j];
            kernels.centre(column, mean[j], column, &a_lo[j * block]);
        }
        for (Index t = 0; t < k; ++t) {
            const DoubleDouble c = centre.get(t);
            for (Index i = 0; i < block; ++i) {
                const DoubleDouble r = i < count ? DoubleDouble(y[t * block + i]) - c : DoubleDouble();
                r_hi[i] = r.hi;
                r_lo[i] = r.lo;
            }
            kernels.residual(a_hi.data(), a_lo.data(), p, &coef.hi[t * p], &coef.lo[t * p], r_hi, r_lo);
            DoubleDouble sum = g.get(t * (p + 1) + p);
            for (Index i = 0; i < count; ++i) {
                DoubleDouble r{r_hi[i], r_lo[i]};
                if (rows.weighted) r = r * DoubleDouble(weight[i]);
                r_hi[i] = r.hi;
                r_lo[i] = r.lo;
                sum = sum + r;
            }
            for (Index i = count; i < block; ++i) r_hi[i] = r_lo[i] = 0;
            g.set(t * (p + 1) + p, sum);
            kernels.gradient(a_hi.data(), a_lo.data(), p, r_hi, r_lo, &g.hi[t * (p + 1)], &g.lo[t * (p + 1)]);
        }
    }
}

Extended gradient(const RowSource& rows, const RefinementProblem& problem, const Extended& coef,
                  const Extended& centre) {
    const Index n = rows.rows, p = rows.cols, k = rows.targets, size = k * (p + 1);
    const Index lanes = sum_lanes(n);
    std::vector<Extended> parts(lanes, Extended(size));
    const Index blocks = (n + block - 1) / block;
    parallel_tasks(lanes, problem.threads, [&](Index lane) {
        lane_gradient(rows, lane * blocks / lanes * block, std::min(n, (lane + 1) * blocks / lanes * block),
                      problem.mean, coef, centre, parts[lane]);
    });
    Extended total = parts[0];
    for (Index e = 0; e < size; ++e) {
        DoubleDouble sum = parts[0].get(e);
        for (Index lane = 1; lane < lanes; ++lane) sum = sum + parts[lane].get(e);
        const Index t = e / (p + 1), j = e % (p + 1);
        const double alpha = problem.alpha[problem.alpha.size() > 1 ? t : 0];
        if (j < p && alpha != 0) sum = sum - DoubleDouble(alpha) * coef.get(t * p + j);
        total.set(e, normalised(sum.hi, sum.lo));
    }
    return total;
}

}  // namespace

bool refine(const RowSource& rows, const RefinementProblem& problem, double* coef, double* centre, double* intercept,
            Index* steps) {
    const Index p = rows.cols, k = rows.targets;
    Extended b(k * p), c(k);
    for (Index e = 0; e < k * p; ++e) b.hi[e] = coef[e];
    for (Index t = 0; t < k; ++t) c.hi[t] = centre[t];
    std::vector<double> delta(p);
    double previous = INFINITY;
    bool converged = false;
    for (int step = 0; step < max_steps && !converged; ++step) {
        const Extended g = gradient(rows, problem, b, c);
        converged = true;
        double size = 0, change = 0, smallest = INFINITY;
        for (Index t = 0; t < k; ++t) {
            for (Index j = 0; j < p; ++j) delta[j] = problem.scale[j] * g.get(t * (p + 1) + j).value();
            solve_lower(problem.factor, p, delta.data());
            solve_lower_transposed(problem.factor, p, delta.data());
            for (Index j = 0; j < p; ++j) {
                const double d = problem.scale[j] * delta[j];
                if (!std::isfinite(d)) return false;
                const double before = b.hi[t * p + j];
                b.set(t * p + j, b.get(t * p + j) + DoubleDouble(d));
                if (std::abs(d) > 0.25 * eps * std::abs(before)) converged = false;
                const double unit = problem.scale[j] > 0 ? 1.0 / problem.scale[j] : 0.0;
                size = std::max(size, std::abs(before) * unit);
                change = std::max(change, std::abs(d) * unit);
                if (problem.scale[j] > 0) smallest = std::min(smallest, std::abs(before) * unit);
            }
            if (!problem.fit_intercept) continue;
            const double d = g.get(t * (p + 1) + p).value() / problem.weight_sum;
            if (std::abs(d) > 0.25 * eps * std::abs(c.hi[t])) converged = false;
            c.set(t, c.get(t) + DoubleDouble(d));
        }
        ++*steps;
        // what the next step could change is below the last digit of every coefficient
        if (change * problem.contraction <= 0.25 * eps * smallest || change <= 1e-20 * size) converged = true;
        if (!converged && step > 0 && change > 0.25 * previous && change > 4 * eps * size) return false;
        previous = change;
    }
    for (Index t = 0; t < k; ++t) {
        DoubleDouble at_zero = c.get(t);
        for (Index j = 0; j < p; ++j) {
            at_zero = at_zero - DoubleDouble(problem.mean[j]) * b.get(t * p + j);
            coef[t * p + j] = b.get(t * p + j).value();
        }
        centre[t] = c.get(t).value();
        intercept[t] = problem.fit_intercept ? at_zero.value() : 0.0;
    }
    return true;
}

}  // namespace mlcraft
