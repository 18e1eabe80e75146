#include "mlcraft/solver/sums_of_squares.hpp"

#include <algorithm>
#include <cmath>

#include "mlcraft/core/double_double.hpp"
#include "mlcraft/core/threads.hpp"
#include "mlcraft/moments/weight_tally.hpp"
#include "mlcraft/simd/kernels.hpp"

namespace mlcraft {
namespace {

constexpr Index residual_block = simd::extended_block;
constexpr Index extended_elements = Index(1) << 22;  // beyond, extended precision would outlast the fit
constexpr double extended_condition = 1e4;           // of the design: from here plain residuals lose too much

struct ResidualWorkspace {
    std::vector<double> high, low, y;
    double weight[residual_block], r_high[residual_block], r_low[residual_block];
    ResidualWorkspace(Index p, Index k, bool extended)
        : high(p * residual_block), low(extended ? p * residual_block : 0), y(k * residual_block) {}
};

void plain_residuals(ResidualWorkspace& work, Index p, const double* mean, const double* coef, double centre) {
    for (Index i = 0; i < residual_block; ++i) work.r_high[i] -= centre;
    for (Index j = 0; j < p; ++j) {
        const double* column = work.high.data() + j * residual_block;
        const double m = mean[j], b = coef[j];
        for (Index i = 0; i < residual_block; ++i) work.r_high[i] -= (column[i] - m) * b;
    }
}

void extended_residuals(ResidualWorkspace& work, Index p, const double* coef, const double* zeros,
                        DoubleDouble centre) {
    for (Index i = 0; i < residual_block; ++i) {
        const DoubleDouble r = DoubleDouble(work.r_high[i]) - centre;
        work.r_high[i] = r.hi;
        work.r_low[i] = r.lo;
    }
    simd::kernels().extended.residual(work.high.data(), work.low.data(), p, coef, zeros, work.r_high, work.r_low);
    for (Index i = 0; i < residual_block; ++i) work.r_high[i] += work.r_low[i];
}

}  // namespace

std::vector<double> residual_squares(const RowSource& rows, const double* mean, const LeastSquaresSolution& solution,
                                     bool extended, int threads) {
    const Index n = rows.rows, p = rows.cols, k = rows.targets;
    const Index lanes = sum_lanes(n), blocks = (n + residual_block - 1) / residual_block;
    std::vector<DoubleDouble> centre(static_cast<std::size_t>(k));  // the fitted value at the mean
    for (Index t = 0; t < k; ++t) {
        centre[t] = DoubleDouble(solution.intercept[t]);
        for (Index j = 0; j < p; ++j)
            centre[t] = centre[t] + DoubleDouble(mean[j]) * DoubleDouble(solution.coef[t * p + j]);
    }
    const std::vector<double> zeros(static_cast<std::size_t>(p), 0.0);
    std::vector<double> parts(static_cast<std::size_t>(lanes * k), 0.0);
    parallel_tasks(lanes, threads, [&](Index lane) {
        ResidualWorkspace work(p, k, extended);
        const Index end = std::min(n, (lane + 1) * blocks / lanes * residual_block);
        for (Index first = lane * blocks / lanes * residual_block; first < end; first += residual_block) {
            const Index count = std::min(residual_block, end - first);
            rows.read_features(first, count, work.high.data(), residual_block);
            rows.read_targets(first, count, work.y.data(), residual_block);
            rows.read_weights(first, count, work.weight);
            for (Index j = 0; j < p; ++j) {
                double* column = &work.high[j * residual_block];
                for (Index i = count; i < residual_block; ++i) column[i] = mean[j];
                if (extended) simd::kernels().extended.centre(column, mean[j], column, &work.low[j * residual_block]);
            }
            for (Index t = 0; t < k; ++t) {
                std::copy_n(&work.y[t * residual_block], count, work.r_high);
                std::fill(work.r_high + count, work.r_high + residual_block, 0.0);
                const double* coef = solution.coef.data() + t * p;
                if (extended)
                    extended_residuals(work, p, coef, zeros.data(), centre[t]);
                else
                    plain_residuals(work, p, mean, coef, centre[t].value());
                double sum = 0;
                for (Index i = 0; i < count; ++i) sum += work.weight[i] * work.r_high[i] * work.r_high[i];
                parts[lane * k + t] += sum;
            }
        }
    });
    std::vector<double> total(static_cast<std::size_t>(k), 0.0);
    for (Index lane = 0; lane < lanes; ++lane)
        for (Index t = 0; t < k; ++t) total[t] += parts[lane * k + t];
    return total;
}

void count_weighted_rows(const RowSource& rows, SumsOfSquares& sums) {
    sums.samples = rows.rows;
    sums.log_weight = 0;
    if (!rows.weighted) return;
    WeightTally tally;
    double weight[1024];
    for (Index begin = 0; begin < rows.rows; begin += 1024) {
        const Index size = std::min<Index>(1024, rows.rows - begin);
        rows.read_weights(begin, size, weight);
        for (Index i = 0; i < size; ++i) tally.add(weight[i]);
    }
    sums.samples = tally.count();
    sums.log_weight = tally.log_sum();
}

void find_sums_of_squares(const Moments& m, const RowSource* rows, const LeastSquaresOptions& options, double close,
                          LeastSquaresSolution& solution) {
    const Index p = m.features, k = m.targets;
    if (static_cast<Index>(solution.intercept.size()) != k) return;  // no fit
    SumsOfSquares& sums = solution.sums;
    if (rows != nullptr) {
        count_weighted_rows(*rows, sums);
    } else {
        sums.samples = m.samples;
        sums.log_weight = m.log_weight;
    }
    sums.y_mean = m.y_mean;
    sums.total = m.yy;
    sums.residual.resize(k);
    bool cancelled = false;
    for (Index t = 0; t < k; ++t) {
        const double alpha = options.alpha_of(t);
        const double* b = solution.coef.data() + t * p;
        double explained = 0, size = 0;
        for (Index j = 0; j < p; ++j) {
            explained += b[j] * (m.xy[j * k + t] + alpha * b[j]);
            size += std::abs(b[j]) * std::sqrt(std::max(0.0, m.xx[j * p + j]));
        }
        sums.residual[t] = std::max(0.0, m.yy[t] - explained);
        cancelled = cancelled || !(sums.residual[t] > close * (m.yy[t] + size * size));
    }
    if (rows == nullptr || !cancelled) return;
    const bool extended = rows->rows * p <= extended_elements || !(solution.condition < extended_condition);
    sums.residual = residual_squares(*rows, m.x_mean.data(), solution, extended, options.threads);
}

}  // namespace mlcraft
