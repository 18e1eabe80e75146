#include "mlcraft/solver/dependence.hpp"

#include <algorithm>
#include <cmath>

#include "mlcraft/core/threads.hpp"
#include "mlcraft/moments/cholesky.hpp"
#include "mlcraft/simd/kernels.hpp"

namespace mlcraft {
namespace {

constexpr Index chunk = 64;

// For each dependence: the squared norm of its residual, and the residual's products with all columns.
std::vector<double> residual_sums(const RowSource& rows, const OrthogonalProblem& problem,
                                  const std::vector<Index>& columns, const std::vector<double>& weights) {
    const auto& kernels = simd::kernels().f64;
    const Index n = rows.rows, p = rows.cols, d = static_cast<Index>(columns.size()), size = d * (p + 1);
    const Index lanes = std::clamp<Index>(n / 4096, 1, 16), chunks = (n + chunk - 1) / chunk;
    std::vector<double> parts(static_cast<std::size_t>(lanes * size), 0.0);
    parallel_tasks(lanes, problem.threads, [&](Index lane) {
        std::vector<double> block(static_cast<std::size_t>(chunk * (p + rows.targets)));
        double residual[chunk];
        for (Index c = lane * chunks / lanes; c < (lane + 1) * chunks / lanes; ++c) {
            const Index begin = c * chunk, count = std::min(chunk, n - begin);
            read_design(rows, problem, begin, count, block.data(), chunk);
            for (Index e = 0; e < d; ++e) {
                double* out = parts.data() + lane * size + e * (p + 1);
                std::fill_n(residual, chunk, 0.0);
                kernels.axpys(block.data(), chunk, p, count, weights.data() + e * p, residual);
                kernels.dots(block.data(), chunk, p, count, residual, out + 1);
                kernels.dots(residual, chunk, 1, count, residual, out);
            }
        }
    });
    for (Index lane = 1; lane < lanes; ++lane)
        for (Index e = 0; e < size; ++e) parts[e] += parts[lane * size + e];
    parts.resize(static_cast<std::size_t>(size));
    return parts;
}

}  // namespace

bool prove_dependence(const RowSource& rows, const OrthogonalProblem& problem, const std::vector<double>& tolerance,
                      std::vector<double>& lower, const std::vector<Index>& columns, Dependence& found) {
    const Index p = rows.cols, d = static_cast<Index>(columns.size());
    found.columns = columns;
    found.rows.resize(static_cast<std::size_t>(d * p));
    for (Index e = 0; e < d; ++e) {
        double* row = lower.data() + columns[e] * p;
        std::copy_n(row, p, found.rows.data() + e * p);
        std::fill_n(row, columns[e], 0.0);
        row[columns[e]] = 1.0;
    }
    // coefficients of the residual: 1 for the column itself, -w_k for the others
    std::vector<double> weights(static_cast<std::size_t>(d * p), 0.0), w(static_cast<std::size_t>(p));
    for (Index e = 0; e < d; ++e) {
        std::fill(w.begin(), w.end(), 0.0);
        std::copy_n(found.rows.data() + e * p, columns[e], w.begin());
        for (Index other : columns) w[other] = 0.0;
        solve_lower_transposed(lower.data(), p, w.data());
        for (Index j = 0; j < p; ++j) weights[e * p + j] = -w[j];
        for (Index other : columns) weights[e * p + other] = 0.0;
        weights[e * p + columns[e]] = 1.0;
    }
    for (int pass = 0; pass < 2; ++pass) {
        const std::vector<double> sums = residual_sums(rows, problem, columns, weights);
        for (Index e = 0; e < d; ++e) {
            double* coefficients = weights.data() + e * p;
            if (pass == 1) {
                double size = 0, limit = 0;
                for (Index j = 0; j < p; ++j) {
                    size += std::abs(coefficients[j]);
                    if (std::abs(coefficients[j]) > 1e-8) limit = std::max(limit, tolerance[j]);
                }
                if (!(std::sqrt(sums[e * (p + 1)]) <= limit * size)) return false;
                continue;
            }
            std::copy_n(sums.data() + e * (p + 1) + 1, p, w.begin());
            for (Index other : columns) w[other] = 0.0;
            solve_lower(lower.data(), p, w.data());
            solve_lower_transposed(lower.data(), p, w.data());
            for (Index j = 0; j < p; ++j) coefficients[j] -= w[j];
        }
    }
    found.null_vectors.resize(static_cast<std::size_t>(p * d));
    for (Index e = 0; e < d; ++e)
        for (Index j = 0; j < p; ++j) found.null_vectors[e * p + j] = weights[e * p + j] * problem.scale[j];
    return true;
}

}  // namespace mlcraft
