#include "mlcraft/solver/wide.hpp"

#include <algorithm>
#include <cmath>

#include "mlcraft/moments/cholesky.hpp"
#include "mlcraft/moments/dual.hpp"
#include "mlcraft/moments/weight_tally.hpp"
#include "mlcraft/solver/orthogonal.hpp"
#include "mlcraft/solver/underflow.hpp"

namespace mlcraft {
namespace {

class WideProblem {
public:
    WideProblem(const RowSource& rows, const LeastSquaresOptions& options, LeastSquaresSolution& out)
        : rows_(rows), options_(options), out_(out), n_(rows.rows), p_(rows.cols), k_(rows.targets),
          root_(static_cast<std::size_t>(n_)), mean_(static_cast<std::size_t>(p_), 0.0),
          y_mean_(static_cast<std::size_t>(k_), 0.0), square_(static_cast<std::size_t>(p_), 0.0),
          y_(static_cast<std::size_t>(n_ * k_)) {}

    void solve() {
        out_.method = "dual";
        out_.coef.assign(static_cast<std::size_t>(k_ * p_), 0.0);
        out_.intercept.assign(static_cast<std::size_t>(k_), 0.0);
        find_means();
        if (out_.status == Status::not_finite) return;
        if (std::all_of(square_.begin(), square_.end(), [](double s) { return s == 0; })) {
            for (Index t = 0; t < k_; ++t) out_.intercept[t] = options_.fit_intercept ? y_mean_[t] : 0.0;
            std::vector<double> lower(static_cast<std::size_t>(n_ * n_), 0.0);
            for (Index i = 0; i < n_; ++i) lower[i * n_ + i] = std::sqrt(options_.alpha_of(0));
            out_.factor = Factor{n_, std::move(lower), {}, mean_, weight_sum_, options_.alpha_of(0), true, 0, false};
            find_sums();
            return;  // nothing varies: no rank, no coefficients
        }
        const std::vector<double> gram = dual_gram(rows_, mean_.data(), root_.data(), options_.threads);
        for_each_penalty(options_, k_, [&](const std::vector<Index>& group, double alpha) {
            if (!solve_group(gram, group, alpha)) solve_orthogonal(group, alpha);
        });
        for (Index t = 0; t < k_; ++t) {
            double value = y_mean_[t];
            for (Index j = 0; j < p_; ++j) value -= mean_[j] * out_.coef[t * p_ + j];
            out_.intercept[t] = options_.fit_intercept ? value : 0.0;
        }
        find_sums();
    }

private:
    template <class Visit>
    void for_rows(Visit&& visit) const {
        constexpr Index block = 16;
        std::vector<double> x(static_cast<std::size_t>(block * p_));
        for (Index begin = 0; begin < n_; begin += block) {
            const Index count = std::min(block, n_ - begin);
            rows_.read_features(begin, count, x.data(), block);
            visit(begin, count, x.data(), block);
        }
    }

    void find_means() {
        rows_.read_weights(0, n_, root_.data());
        rows_.read_targets(0, n_, y_.data(), n_);
        weight_sum_ = 0;
        for (double w : root_) weight_sum_ += w;
        double check = weight_sum_;
        const int passes = options_.fit_intercept ? 2 : 0;  // the second takes out what rounding left of the mean
        for (int pass = 0; pass < passes; ++pass) {
            std::vector<double> sums(static_cast<std::size_t>(p_), 0.0);
            for_rows([&](Index begin, Index count, const double* x, Index ld) {
                for (Index j = 0; j < p_; ++j)
                    for (Index i = 0; i < count; ++i) sums[j] += root_[begin + i] * (x[j * ld + i] - mean_[j]);
            });
            for (Index j = 0; j < p_; ++j) mean_[j] += sums[j] / weight_sum_;
        }
        for_rows([&](Index begin, Index count, const double* x, Index ld) {
            for (Index j = 0; j < p_; ++j)
                for (Index i = 0; i < count; ++i) {
                    const double d = x[j * ld + i] - mean_[j];
                    square_[j] += root_[begin + i] * d * d;
                }
        });
        for (Index t = 0; t < k_; ++t) {
            for (int pass = 0; pass < passes; ++pass) {
                double sum = 0;
                for (Index i = 0; i < n_; ++i) sum += root_[i] * (y_[t * n_ + i] - y_mean_[t]);
                y_mean_[t] += sum / weight_sum_;
            }
            for (Index i = 0; i < n_; ++i) check += y_[t * n_ + i];
        }
        for (double s : square_) check += s;
        std::vector<double> y_square(static_cast<std::size_t>(k_), 0.0);
        for (Index t = 0; t < k_; ++t)
            for (Index i = 0; i < n_; ++i) {
                const double d = y_[t * n_ + i] - y_mean_[t];
                y_square[t] += root_[i] * d * d;
            }
        if (!(weight_sum_ > 0) || squares_underflow(rows_, square_, mean_, y_square, y_mean_)) check = NAN;
        for (double& w : root_) w = std::sqrt(w);
        for (Index t = 0; t < k_; ++t)
            for (Index i = 0; i < n_; ++i) y_[t * n_ + i] = root_[i] * (y_[t * n_ + i] - y_mean_[t]);
        if (!std::isfinite(check)) out_.status = Status::not_finite;
    }

    // out (p) += A' v
    void transposed(const double* v, double* out) const {
        for_rows([&](Index begin, Index count, const double* x, Index ld) {
            for (Index j = 0; j < p_; ++j)
                for (Index i = 0; i < count; ++i)
                    out[j] += (x[j * ld + i] - mean_[j]) * root_[begin + i] * v[begin + i];
        });
    }
    // r (n) -= A b
    void subtract(const double* b, double* r) const {
        for_rows([&](Index begin, Index count, const double* x, Index ld) {
            std::vector<double> sum(static_cast<std::size_t>(count), 0.0);
            for (Index j = 0; j < p_; ++j)
                for (Index i = 0; i < count; ++i) sum[i] += (x[j * ld + i] - mean_[j]) * b[j];
            for (Index i = 0; i < count; ++i) r[begin + i] -= root_[begin + i] * sum[i];
        });
    }

    void find_sums() {
        const auto squares = [](const std::vector<double>& v) {
            double sum = 0;
            for (double e : v) sum += e * e;
            return sum;
        };
        WeightTally tally;
        for (double root : root_) tally.add(root);
        out_.sums.samples = tally.count();
        out_.sums.log_weight = 2 * tally.log_sum();
        out_.sums.y_mean = y_mean_;
        for (Index t = 0; t < k_; ++t) {
            std::vector<double> r(y_.begin() + t * n_, y_.begin() + (t + 1) * n_);
            out_.sums.total.push_back(squares(r));
            subtract(out_.coef.data() + t * p_, r.data());
            out_.sums.residual.push_back(squares(r));
        }
    }

    // With a small penalty b = A'a cancels where y has a part that A cannot fit. The gradient of the penalised problem
    // tells: b += (A'A + alpha I)^-1 g, and (A'A + alpha I)^-1 g = (g - A'(A A' + alpha I)^-1 A g) / alpha.
    void correct(const std::vector<double>& lower, const std::vector<double>& unit, double alpha, Index target,
                 double* b) {
        for (int step = 0; step < 2; ++step) {
            std::vector<double> r(y_.begin() + target * n_, y_.begin() + (target + 1) * n_), d(n_, 0.0);
            std::vector<double> g(static_cast<std::size_t>(p_), 0.0), part(static_cast<std::size_t>(p_), 0.0);
            subtract(b, r.data());
            transposed(r.data(), g.data());
            for (Index j = 0; j < p_; ++j) g[j] -= alpha * b[j];
            subtract(g.data(), d.data());
            for (Index i = 0; i < n_; ++i) d[i] *= -unit[i];
            solve_lower(lower.data(), n_, d.data());
            solve_lower_transposed(lower.data(), n_, d.data());
            for (Index i = 0; i < n_; ++i) d[i] *= unit[i];
            transposed(d.data(), part.data());
            for (Index j = 0; j < p_; ++j) b[j] += (g[j] - part[j]) / alpha;
            ++out_.iterations;
        }
    }

    bool solve_group(const std::vector<double>& gram, const std::vector<Index>& group, double alpha) {
        std::vector<double> lower = gram, unit(static_cast<std::size_t>(n_));
        double mean_diagonal = 0;
        for (Index i = 0; i < n_; ++i) mean_diagonal += gram[i * n_ + i] / static_cast<double>(n_);
        if (!(mean_diagonal > 0)) return false;
        for (Index i = 0; i < n_; ++i) {
            if (options_.fit_intercept)
                for (Index j = 0; j < n_; ++j)
                    lower[i * n_ + j] += mean_diagonal * root_[i] * root_[j] / weight_sum_ * static_cast<double>(n_);
            lower[i * n_ + i] += alpha;
        }
        for (Index i = 0; i < n_; ++i) {
            const double d = lower[i * n_ + i];
            if (!(d > 0)) return false;  // a row of zero weight without an intercept
            unit[i] = 1.0 / std::sqrt(d);
        }
        for (Index i = 0; i < n_; ++i)
            for (Index j = 0; j < n_; ++j) lower[i * n_ + j] *= unit[i] * unit[j];
        const double norm = symmetric_norm1(lower.data(), n_);
        if (!cholesky(lower.data(), n_, 4 * eps * static_cast<double>(n_), options_.threads)) return false;
        const double condition = 1.0 / reciprocal_condition(lower.data(), n_, norm);
        if (!(condition < (alpha > 0 ? 1e6 : 1e9))) return false;
        out_.condition = std::max(out_.condition, std::sqrt(condition));
        out_.rank = n_ - (options_.fit_intercept ? 1 : 0);
        for (Index t : group) {
            std::vector<double> r(y_.begin() + t * n_, y_.begin() + (t + 1) * n_), a(static_cast<std::size_t>(n_), 0.0);
            double* b = out_.coef.data() + t * p_;
            for (int step = 0; step < 3; ++step) {
                std::vector<double> d(static_cast<std::size_t>(n_));
                for (Index i = 0; i < n_; ++i) d[i] = unit[i] * r[i];
                solve_lower(lower.data(), n_, d.data());
                solve_lower_transposed(lower.data(), n_, d.data());
                for (Index i = 0; i < n_; ++i) {
                    d[i] *= unit[i];
                    a[i] += d[i];
                }
                transposed(d.data(), b);
                if (step == 2 || (step == 1 && condition < 1e6)) break;
                for (Index i = 0; i < n_; ++i) r[i] = y_[t * n_ + i] - alpha * a[i];
                subtract(b, r.data());
                ++out_.iterations;
            }
            if (alpha > 0 && condition > 1e4) correct(lower, unit, alpha, t, b);
        }
        for (Index i = 0; i < n_; ++i)
            for (Index j = 0; j <= i; ++j) lower[i * n_ + j] /= unit[i];
        for (Index i = 0; i < n_; ++i) std::fill(lower.begin() + i * n_ + i + 1, lower.begin() + (i + 1) * n_, 0.0);
        out_.factor = Factor{n_, std::move(lower), {}, mean_, weight_sum_, alpha, true, n_, options_.fit_intercept};
        return true;
    }

    void solve_orthogonal(const std::vector<Index>& group, double alpha) {
        out_.method = "qr";
        std::vector<double> scale(static_cast<std::size_t>(p_), 0.0), tolerance(static_cast<std::size_t>(p_));
        const double base = 10 * eps * std::sqrt(static_cast<double>(p_));
        for (Index j = 0; j < p_; ++j) {
            const double size = std::sqrt(square_[j] / weight_sum_ + mean_[j] * mean_[j]);
            const double limit = 8 * eps * size;
            if (square_[j] > limit * limit * weight_sum_) scale[j] = 1.0 / std::sqrt(square_[j]);
            tolerance[j] = base + 8 * eps * size * std::sqrt(weight_sum_) * scale[j];
        }
        const OrthogonalProblem problem{mean_.data(), y_mean_.data(), scale.data(), 0.0, options_.threads};
        const Triangle triangle = triangularise(rows_, problem);
        const MinimumNorm solution = minimum_norm(triangle, scale.data(), tolerance, alpha);
        for (Index t : group) std::copy_n(solution.coef.data() + t * p_, p_, out_.coef.data() + t * p_);
        out_.rank = std::min(solution.rank, n_);
        out_.condition = INFINITY;
        out_.factor = Factor{
            triangle.rows, triangle.row_factor(scale.data(), alpha), {}, mean_, weight_sum_, alpha, true, solution.rank,
            false};
    }

    const RowSource& rows_;
    const LeastSquaresOptions& options_;
    LeastSquaresSolution& out_;
    const Index n_, p_, k_;
    std::vector<double> root_, mean_, y_mean_, square_, y_;
    double weight_sum_ = 0;
};

}  // namespace

void solve_wide(const RowSource& rows, const LeastSquaresOptions& options, LeastSquaresSolution& solution) {
    WideProblem(rows, options, solution).solve();
    check_finite(solution);
}

}  // namespace mlcraft
