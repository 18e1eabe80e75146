// Linear models whose loss has two slopes (hinge, epsilon-insensitive, quantile) and an L2 penalty, by their dual:
//
//   minimise over w      P(w) = |w|^2 / 2 + sum_i max { b (y_i - w'z_i) - epsilon |b| : lower_i <= b <= upper_i },
//   maximise over b      D(b) = sum_i (y_i b_i - epsilon |b_i|) - |w|^2 / 2,  w = sum_i b_i z_i,  in the same boxes,
//
// z_i = (x_i, bias), the last element there when bias > 0. Hinge with y of -1 and 1: the box lies between 0 and y_i
// C_i, epsilon = 0. Epsilon-insensitive: -C_i to C_i. Quantile tau: C_i (tau - 1) to C_i tau. A row whose box is empty
// of choice (lower = upper = 0) is as if it were not there.
//
// For any w, and v = sum b_i z_i, the duality gap P(w) - D(b) is
//   |w - v|^2 / 2 + sum_i max { b (y_i - eta_i) - epsilon |b| } - (b_i (y_i - eta_i) - epsilon |b_i|),  eta_i = w'z_i,
// in which no term is negative: nothing cancels. By strong convexity |w - w*|^2 <= 2 (P - D).
//
// With other penalties h_j(w_j) = R_j w_j^2 / 2 + l_j |w_j| instead of w_j^2 / 2, the term of column j is, with e_j =
// soft(v_j, l_j) / R_j, R_j (w_j - e_j)^2 / 2 + l_j |w_j| - w_j clip(v_j, -l_j, l_j). Where R_j = 0 (linear programs:
// quantile regression with an L1 penalty or none) a v_j beyond l_j leaves D at minus infinity; such a remainder is
// counted as 2 |w_j| times its size.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "mlcraft/core/threads.hpp"
#include "mlcraft/core/types.hpp"
#include "mlcraft/solver/row_sums.hpp"

namespace mlcraft {

template <class Matrix>
struct BoxDual {
    const Matrix& x;
    VectorView<const double> y, lower, upper;  // lower <= 0 <= upper
    double epsilon = 0;
    double bias = 0;
    const double* fixed = nullptr;  // sum b_i z_i over rows of which b is settled, part of v but not of the rows here
    const double* ridge = nullptr;  // R; null: all one
    const double* l1 = nullptr;     // l; null: all zero

    double ridge_of(Index j) const { return ridge != nullptr ? ridge[j] : 1.0; }
    double l1_of(Index j) const { return l1 != nullptr ? l1[j] : 0.0; }
    Index width() const { return x.cols() + (bias > 0 ? 1 : 0); }

    // What row i adds to P where its residual y_i - eta_i is r.
    double loss(Index i, double r) const { return std::max({upper[i] * (r - epsilon), lower[i] * (r + epsilon), 0.0}); }
    // The b that attains it.
    double best(Index i, double r) const {
        return r > epsilon ? upper[i] : r < -epsilon || epsilon == 0 ? lower[i] : 0.0;
    }
    // What it adds to the gap besides.
    double gap(Index i, double r, double b) const { return loss(i, r) - (b * r - epsilon * std::abs(b)); }
};

struct BoxOptions {
    double tol = 1e-6;  // on the gap, relative to P
    double enough = 0;  // or this much of it
    Index max_iter = 1000;
    std::uint64_t seed = 0;
    int threads = 1;
    std::function<bool(Index, double, double)> callback;  // (iteration, objective, gap); true ends the run
};

struct BoxSolution {
    std::vector<double> coef;  // w: the features, then the bias
    std::vector<double> dual;  // b
    double objective = 0;      // P(w)
    double gap = 0;            // P(w) - D(b)
    Index iterations = 0;
    Status status = Status::max_iter;
};

// `threads`, or one for work too small to share.
inline int box_threads(double operations, int threads) { return threads_for(operations) == 1 ? 1 : threads; }

template <class Matrix, class Body>
std::vector<double> box_sums(const Matrix& x, Index sums, int threads, Body&& body) {
    return sum_over_rows(x.rows(), x.block_rows(), sum_lanes(x.rows()), sums,
                         box_threads(2 * stored_elements(x), threads), std::forward<Body>(body));
}

// sum_i r_i z_i
template <class Matrix>
std::vector<double> box_transposed_times(const BoxDual<Matrix>& problem, const double* r, int threads) {
    return box_sums(problem.x, problem.width(), threads, [&](Index begin, Index count, double* out) {
        problem.x.transposed_times(begin, count, r + begin, out);
        if (problem.bias > 0)
            for (Index i = begin; i < begin + count; ++i) out[problem.x.cols()] += problem.bias * r[i];
    });
}

// What column j adds to the gap, with v_j = sum_i b_i z_ij.
template <class Matrix>
double column_gap(const BoxDual<Matrix>& problem, Index j, double w, double v) {
    const double R = problem.ridge_of(j), l = problem.l1_of(j), inside = std::clamp(v, -l, l), beyond = v - inside;
    const double rest = l * std::abs(w) - w * inside;
    if (R == 0) return rest + 2 * std::abs(w * beyond);
    const double off = w - beyond / R;
    return rest + R * off * off / 2;
}

// The objective and the gap of solution.coef and solution.dual, from all rows. Sets eta = Z w and away = v - R w.
template <class Matrix>
void certify_box(const BoxDual<Matrix>& problem, BoxSolution& solution, double* eta, std::vector<double>& away,
                 int threads) {
    const std::vector<double>& w = solution.coef;
    const double offset = problem.bias > 0 ? problem.bias * w.back() : 0.0;
    const std::vector<double> sums = box_sums(problem.x, 2, threads, [&](Index begin, Index count, double* out) {
        std::fill(eta + begin, eta + begin + count, offset);
        problem.x.times(begin, count, w.data(), eta + begin);
        for (Index i = begin; i < begin + count; ++i) {
            const double r = problem.y[i] - eta[i];
            out[0] += problem.loss(i, r);
            out[1] += problem.gap(i, r, solution.dual[i]);
        }
    });
    away = box_transposed_times(problem, solution.dual.data(), threads);
    solution.objective = sums[0];
    solution.gap = sums[1];
    for (Index j = 0; j < problem.width(); ++j) {
        const double v = away[j] + (problem.fixed != nullptr ? problem.fixed[j] : 0.0);
        solution.objective += problem.ridge_of(j) * w[j] * w[j] / 2 + problem.l1_of(j) * std::abs(w[j]);
        solution.gap += column_gap(problem, j, w[j], v);
        away[j] = v - problem.ridge_of(j) * w[j];
    }
    if (!std::isfinite(solution.objective + solution.gap)) solution.status = Status::not_finite;
}

}  // namespace mlcraft
