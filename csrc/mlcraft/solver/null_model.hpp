// The model without columns, eta_i = offset_i + c: where the intercept of a fit starts, and the size of the residuals
// (the root of the mean square of the gradient by eta), in which certificates are measured.
#pragma once

#include <algorithm>
#include <cmath>
#include <string>

#include "mlcraft/core/types.hpp"
#include "mlcraft/solver/smooth_pass.hpp"

namespace mlcraft {

struct NullModel {
    double intercept = 0;
    double residual = 1;
};

// Means over the rows at a constant c: of the gradient, of its square and of the hessian.
struct NullSums {
    double gradient = 0, square = 0, hess = 0;
};

template <class Matrix>
NullSums null_sums(const SmoothRows<Matrix>& rows, double c, bool hess, int threads) {
    using T = typename Matrix::value_type;
    const Index n = rows.x.rows(), lanes = std::clamp<Index>(n / 16384, 1, 64);
    const std::vector<double> sums =
        sum_over_rows(n, max_block_rows, lanes, 4, threads, [&](Index begin, Index count, double* out) {
            T eta[max_block_rows], curvature[max_block_rows];
            for (Index i = 0; i < count; ++i)
                eta[i] = static_cast<T>(c) + (rows.offset ? rows.offset[begin + i] : T(0));
            const LossSums block = rows.block({count, rows.y.slice(begin, count), rows.weight.slice(begin, count), eta,
                                               hess ? curvature : nullptr, rows.parameter, rows.user});
            out[0] += block.weight;
            out[1] += block.gradient;
            for (Index i = 0; i < count; ++i) {
                const double w = rows.weight ? static_cast<double>(rows.weight[begin + i]) : 1.0;
                const double weighted = static_cast<double>(eta[i]);
                if (w != 0) out[2] += weighted * weighted / w;
                if (hess) out[3] += static_cast<double>(curvature[i]);
            }
        });
    return {sums[1] / sums[0], sums[2] / sums[0], sums[3] / sums[0]};
}

// The minimiser of the mean loss over c, to a thousandth of the residuals: Newton's method within a bracket, which
// grows from `start` until it has one.
template <class Matrix>
double null_intercept(const SmoothRows<Matrix>& rows, double start, double reach, int threads) {
    double c = start, low = -HUGE_VAL, high = HUGE_VAL;
    for (int iteration = 0; iteration < 60; ++iteration) {
        const NullSums at = null_sums(rows, c, true, threads);
        if (std::isnan(at.gradient) || std::abs(at.gradient) <= 1e-3 * std::sqrt(at.square)) break;
        (at.gradient > 0 ? high : low) = c;
        double next = c - at.gradient / at.hess;
        const bool bracketed = std::isfinite(low) && std::isfinite(high);
        if (!std::isfinite(next) || (!bracketed && std::abs(next - c) > reach)) {
            next = at.gradient > 0 ? c - reach : c + reach;
            reach *= 4;
        }
        if (bracketed && !(next > low && next < high)) next = (low + high) / 2;
        c = next;
    }
    return c;
}

// For the logistic and the squared losses in closed form: the squared ones have gradients of twice the residuals.
template <class Matrix>
NullModel null_model(const SmoothRows<Matrix>& rows, const std::string& loss, bool fit_intercept, int threads) {
    const Index n = rows.x.rows();
    double total = 0, sum = 0, square = 0, rate = 0;
    const bool poisson = loss == "poisson";
    for (Index i = 0; i < n; ++i) {
        const double w = rows.weight ? static_cast<double>(rows.weight[i]) : 1.0, t = static_cast<double>(rows.y[i]);
        total += w;
        sum += w * t;
        square += w * t * t;
        if (poisson && rows.offset) rate += w * std::exp(static_cast<double>(rows.offset[i]));
    }
    const double mean = sum / total, spread = fit_intercept ? square / total - mean * mean : square / total;
    NullModel null;
    if (loss == "logistic") {
        const double inside = std::clamp(mean, 1e-12, 1 - 1e-12);
        if (fit_intercept && !rows.offset) null.intercept = std::log(inside / (1 - inside));
        null.residual = fit_intercept ? std::sqrt(inside * (1 - inside)) : 0.5;
        return null;
    }
    if (loss == "squared" || loss == "squared_hinge" || loss == "squared_epsilon_insensitive") {
        if (loss != "squared_hinge" && fit_intercept && !rows.offset) null.intercept = mean;
        null.residual = spread > 1e-30 * square / total ? 2 * std::sqrt(spread) : 1;
        return null;
    }
    if (fit_intercept && poisson) {
        if (mean > 0) null.intercept = std::log(sum / (rows.offset ? rate : total));
    } else if (fit_intercept) {
        const double start = loss == "huber" ? mean : 0.0, reach = loss == "huber" ? std::sqrt(spread) : 1.0;
        null.intercept = null_intercept(rows, start, std::max(reach, 1e-3), threads);
    }
    const NullSums at = null_sums(rows, null.intercept, false, threads);
    if (at.square > 0 && std::isfinite(at.square)) null.residual = std::sqrt(at.square);
    return null;
}

}  // namespace mlcraft
