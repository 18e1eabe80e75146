#include "mlcraft/solver/multinomial.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "mlcraft/matrix/csr.hpp"
#include "mlcraft/matrix/dense.hpp"
#include "mlcraft/moments/cholesky.hpp"
#include "mlcraft/solver/class_metric.hpp"
#include "mlcraft/solver/class_pass.hpp"
#include "mlcraft/solver/coordinates.hpp"
#include "mlcraft/solver/metric.hpp"
#include "mlcraft/solver/objective.hpp"
#include "mlcraft/solver/quasi_newton.hpp"
#include "mlcraft/solver/row_sample.hpp"
#include "mlcraft/solver/work_estimate.hpp"

namespace mlcraft {
namespace {

double largest_residual(const std::vector<double>& pi) {
    double most = 0;
    for (double share : pi) most = std::max(most, share * (1 - share));
    return std::sqrt(most);
}

template <class Matrix>
class MultinomialObjective : public MetricObjective {
public:
    using T = typename Matrix::value_type;
    MultinomialObjective(const ClassRows<Matrix>& rows, const Coordinates& at, double alpha, double ridge,
                         const std::vector<double>& pi, const SmoothOptions& options)
        : MetricObjective(options, estimate_work(rows.x, rows.x.rows()), largest_residual(pi)), rows_(rows), at_(at),
          alpha_(alpha), ridge_(ridge) {
        const double n = static_cast<double>(rows.x.rows()), K = static_cast<double>(rows.classes);
        const double size = K * static_cast<double>(rows.x.cols() + 1);
        pass_ = work_.pass + K * (n * 2 + stored_elements(rows.x) * 0.04 * sizeof(T) / 8);
        product_ = work_.gram + 2 * pass_ + n * K * K;
        full_ = K * (K + 1) / 2 * work_.gram + size * size * size * 0.02;
        const double memory = size * size * 24;
        may_fill_ = work_.may_factor && memory < 1e9;
        metric_.set_size(rows.classes, rows.x.cols());
    }

    double evaluate(const std::vector<double>& theta, std::vector<double>& gradient) {
        return evaluate(theta, gradient, nullptr);
    }

    const ClassMetric& metric() const { return metric_; }
    void use(const ClassMetric& metric) { metric_ = metric; }
    void find_unseen() { unseen_ = unseen_columns(rows_.x, rows_.weight, at_, options_.threads); }
    double pass_cost() const { return pass_; }
    double product_cost() const { return product_; }

    // The mean over rows of (diag(p) - p p') (x) x x' as a product of means: rows count by 1 - |p|^2, what their
    // classes leave open. Exact where no column matters.
    void product_metric(const std::vector<double>& theta, bool factor) {
        const std::vector<T> probability = probabilities(theta);
        const Index n = rows_.x.rows(), K = rows_.classes;
        std::vector<T> open(static_cast<std::size_t>(n));
        std::vector<double> between(static_cast<std::size_t>(K * K), 0.0);
        for (Index i = 0; i < n; ++i) {
            T square = 0;
            for (Index k = 0; k < K; ++k) square += probability[k * n + i] * probability[k * n + i];
            open[i] = weight(i) * std::max(1 - square, T(0));
        }
        double total = 0;
        for (T h : open) total += static_cast<double>(h);
        for (Index k = 0; k < K; ++k)
            for (Index l = 0; l <= k; ++l) {
                const T *first = probability.data() + k * n, *second = probability.data() + l * n;
                double sum = 0;
                for (Index i = 0; i < n; ++i)
                    sum += static_cast<double>(weight(i) * first[i] * (k == l ? 1 - first[i] : -second[i]));
                between[k * K + l] = between[l * K + k] = sum / std::max(total, 1e-300);
            }
        const SmoothPenalty penalty{alpha_ * static_cast<double>(K - 1), 0};  // the trace of C is 1
        const Metric columns = factor ? Metric(weighted_moments(rows_.x, open.data(), at_.intercept, options_.threads),
                                               weight_sum_, at_, penalty, unseen_, options_.threads)
                                      : Metric(at_, penalty, std::max(total / weight_sum_, 1e-12));
        metric_.multiply(columns, inverse_of_contrasts(std::move(between), K));
        metric_made();
    }

    // All blocks: w p_k (1 - p_k) on the diagonal, -w p_k p_l beside it.
    void full_metric(const std::vector<double>& theta) {
        const std::vector<T> probability = probabilities(theta);
        const Index n = rows_.x.rows(), p = rows_.x.cols(), K = rows_.classes, step = p + 1, size = K * step;
        std::vector<double> lower(static_cast<std::size_t>(size * size), 0.0), unit(size, 0.0);
        std::vector<T> hess(static_cast<std::size_t>(n));
        for (Index k = 0; k < K; ++k)
            for (Index l = 0; l <= k; ++l) {
                const T *first = probability.data() + k * n, *second = probability.data() + l * n;
                for (Index i = 0; i < n; ++i) hess[i] = weight(i) * first[i] * (k == l ? 1 - first[i] : second[i]);
                const Moments m = weighted_moments(rows_.x, hess.data(), at_.intercept, options_.threads);
                put_block(m, k == l ? 1.0 : -1.0, lower.data() + k * step * size + l * step, size);
            }
        for (Index k = 0; k < K; ++k) {
            for (Index j = 0; j < p; ++j) lower[(k * step + j) * (size + 1)] += alpha_ * at_.scale[j] * at_.scale[j];
            for (Index j = 0; j < step; ++j) {
                const double diagonal = lower[(k * step + j) * (size + 1)];
                const bool used = j < p ? at_.scale[j] > 0 : at_.intercept;
                unit[k * step + j] = used && diagonal > 0 ? 1 / std::sqrt(diagonal) : 0.0;
            }
        }
        for (Index i = 0; i < size; ++i)
            for (Index j = 0; j < i; ++j) lower[i * size + j] *= unit[i] * unit[j];
        std::vector<double> factor;
        // adding the same to all classes changes nothing but the penalty: a little more than rounding keeps it regular
        for (double extra = 1e-10; extra < 2; extra *= 1000) {
            factor = lower;
            for (Index i = 0; i < size; ++i) factor[i * (size + 1)] = 1 + extra;
            if (cholesky(factor.data(), size, 1e-13, options_.threads)) break;
        }
        metric_.fill(std::move(factor), std::move(unit));
        metric_made();
    }

    // Where L-BFGS has not done it in a dozen steps, it would take hundreds.
    bool wants_conjugate_gradients() const {
        return is(SmoothMethod::cheapest) ? iterations_ > 12 || metric_.is_diagonal() : is(SmoothMethod::newton_cg);
    }
    void prepare_hess(const std::vector<double>& theta) { probability_ = probabilities(theta); }

    void hess_times(const std::vector<double>& v, std::vector<double>& out) {
        const Index p = rows_.x.cols(), step = p + 1;
        std::vector<double> coef, intercept;
        unscale(v, coef, intercept);
        ++passes_;
        class_hess_pass(rows_, coef, intercept, probability_.data(), weight_sum_, out, options_.threads);
        for (Index k = 0; k < rows_.classes; ++k) {
            double& last = out[k * step + p];
            if (!at_.intercept) last = 0;
            for (Index j = 0; j < p; ++j) {
                double& h = out[k * step + j];
                h = at_.scale[j] * (h - (at_.intercept ? at_.mean[j] * last : 0.0) + alpha_ * coef[k * p + j]) +
                    ridge_ * v[k * step + j];
            }
        }
    }

    bool improve_metric(double certificate, double before, const std::vector<double>& theta) {
        const double left = passes_left(certificate, before, wants_conjugate_gradients(), 150);
        if (is(SmoothMethod::newton)) {
            full_metric(theta);
            return true;
        }
        if (!is(SmoothMethod::cheapest) || !work_.may_factor || grams_ >= 60) return false;
        if (may_fill_ && left * pass_ > full_ + std::min(left, 3.0) * pass_) {
            full_metric(theta);
            return true;
        }
        const bool old = age_ > (wants_conjugate_gradients() ? 2 : 8) || metric_.is_diagonal();
        if (!metric_.is_full() && old && left * pass_ > product_ + 15 * pass_) {
            product_metric(theta, true);
            return true;
        }
        return false;
    }

private:
    T weight(Index i) const { return rows_.weight ? rows_.weight[i] : T(1); }

    double evaluate(const std::vector<double>& theta, std::vector<double>& gradient, T* probability) {
        const Index p = rows_.x.cols(), K = rows_.classes, step = p + 1;
        std::vector<double> coef, intercept;
        unscale(theta, coef, intercept);
        ++passes_;
        double value = class_pass(rows_, coef, intercept, probability, gradient, weight_sum_, options_.threads);
        for (Index k = 0; k < K; ++k) {
            double& last = gradient[k * step + p];
            if (!at_.intercept) last = 0;
            for (Index j = 0; j < p; ++j) {
                const double b = coef[k * p + j], t = theta[k * step + j];
                value += alpha_ * b * b / 2 + ridge_ * t * t / 2;
                double& g = gradient[k * step + j];
                g = at_.scale[j] * (g - (at_.intercept ? at_.mean[j] * last : 0.0) + alpha_ * b) + ridge_ * t;
            }
        }
        return value;
    }

    void unscale(const std::vector<double>& theta, std::vector<double>& coef, std::vector<double>& intercept) const {
        const Index p = rows_.x.cols(), K = rows_.classes, step = p + 1;
        coef.resize(static_cast<std::size_t>(K * p));
        intercept.assign(K, 0.0);
        for (Index k = 0; k < K; ++k) {
            if (at_.intercept) intercept[k] = theta[k * step + p];
            for (Index j = 0; j < p; ++j) {
                coef[k * p + j] = at_.scale[j] * theta[k * step + j];
                if (at_.intercept) intercept[k] -= at_.mean[j] * coef[k * p + j];
            }
        }
    }

    std::vector<T> probabilities(const std::vector<double>& theta) {
        std::vector<T> probability(static_cast<std::size_t>(rows_.classes * rows_.x.rows()));
        std::vector<double> unused;
        evaluate(theta, unused, probability.data());
        return probability;
    }

    // sign * (X, 1)' diag(h) (X, 1) in the coordinates, from the moments weighted by h.
    void put_block(const Moments& m, double sign, double* out, Index ld) const {
        const Index p = rows_.x.cols();
        const double share = sign / weight_sum_, total = m.weight_sum * share;
        std::vector<double> shift(p, 0.0);
        if (at_.intercept)
            for (Index j = 0; j < p; ++j) shift[j] = at_.scale[j] * (m.x_mean[j] - at_.mean[j]);
        for (Index i = 0; i < p; ++i) {
            for (Index j = 0; j < p; ++j)
                out[i * ld + j] = at_.scale[i] * at_.scale[j] * share * m.xx[i * p + j] + total * shift[i] * shift[j];
            out[i * ld + p] = at_.intercept ? total * shift[i] : 0.0;
            out[p * ld + i] = out[i * ld + p];
        }
        out[p * ld + p] = at_.intercept ? total : 0.0;
    }

    const ClassRows<Matrix>& rows_;
    const Coordinates& at_;
    double alpha_, ridge_;
    double pass_ = 0, product_ = 0, full_ = 0, weight_sum_ = 0;
    bool may_fill_ = false;
    std::vector<char> unseen_;
    std::vector<T> probability_;
    ClassMetric metric_;
};

// As for two classes: the last step raises the true class above every other one in all rows.
template <class Matrix>
bool separates_classes(const ClassRows<Matrix>& rows, const Coordinates& at, const std::vector<double>& step,
                       const SmoothSolution& s) {
    using T = typename Matrix::value_type;
    const Index n = rows.x.rows(), p = rows.x.cols(), K = rows.classes;
    std::vector<T> d(static_cast<std::size_t>(K * p)), c(K), eta(static_cast<std::size_t>(K * max_block_rows));
    for (Index k = 0; k < K; ++k) {
        double last = step[k * (p + 1) + p];
        for (Index j = 0; j < p; ++j) {
            d[k * p + j] = static_cast<T>(at.scale[j] * step[k * (p + 1) + j]);
            last -= at.mean[j] * static_cast<double>(d[k * p + j]);
        }
        c[k] = static_cast<T>(last);
    }
    const std::vector<T> end(s.coef.begin(), s.coef.end());
    std::vector<T> at_end(eta.size());
    Index moving = 0;
    double least = 0, most = 0;
    for (Index begin = 0; begin < n; begin += max_block_rows) {
        const Index count = std::min(max_block_rows, n - begin);
        for (Index k = 0; k < K; ++k) {
            std::fill_n(eta.data() + k * count, count, c[k]);
            std::fill_n(at_end.data() + k * count, count, static_cast<T>(s.intercepts[k]));
        }
        rows.x.times_many(begin, count, d.data(), K, eta.data(), count);
        rows.x.times_many(begin, count, end.data(), K, at_end.data(), count);
        for (Index i = 0; i < count; ++i) {
            if (rows.weight && !(rows.weight[begin + i] > 0)) continue;
            const Index own = static_cast<Index>(rows.y[begin + i]);
            bool moves = false;
            for (Index k = 0; k < K; ++k) {
                const double side = static_cast<double>(eta[own * count + i]) - static_cast<double>(eta[k * count + i]);
                least = std::min(least, side);
                most = std::max(most, side);
                if (!(side > 0.1)) continue;
                moves = true;
                // as for two classes: rows still on their way are certain by now
                if (static_cast<double>(at_end[own * count + i]) - static_cast<double>(at_end[k * count + i]) < 8)
                    return false;
            }
            moving += moves;
        }
    }
    return moving > 1 && most > 0.2 && least > -1e-3 * std::min(most, 1.0);
}

}  // namespace

template <class Matrix>
SmoothSolution fit_multinomial(const Matrix& x, VectorView<const typename Matrix::value_type> y,
                               VectorView<const typename Matrix::value_type> weight, Index classes,
                               const SmoothOptions& options) {
    using T = typename Matrix::value_type;
    const Index n = x.rows(), p = x.cols(), K = classes, step = p + 1;
    const ClassRows<Matrix> rows{x, y, weight, K};
    SmoothSolution s;
    std::vector<double> pi(K, 0.0);
    double total = 0;
    for (Index i = 0; i < n; ++i) {
        const Index k = static_cast<Index>(y[i]);
        const double w = weight ? static_cast<double>(weight[i]) : 1.0;
        if (k < 0 || k >= K || !std::isfinite(w)) {
            s.status = Status::not_finite;
            return s;
        }
        pi[k] += w;
        total += w;
    }
    if (!(total > 0)) {
        s.status = Status::not_finite;
        return s;
    }
    for (double& share : pi) share = std::max(share / total, 1e-6);
    const Coordinates at = coordinates_of(x, weight, options.fit_intercept, options.threads);
    if (!at.out_of_range.empty()) {
        s.columns = at.out_of_range;
        s.status = Status::not_finite;
        return s;
    }
    std::vector<double> theta(static_cast<std::size_t>(K * step), 0.0);
    const bool started = !options.coef.empty();
    double mean_log = 0;
    for (double share : pi) mean_log += std::log(share) / static_cast<double>(K);
    for (Index k = 0; k < K && options.fit_intercept; ++k) theta[k * step + p] = std::log(pi[k]) - mean_log;
    for (Index k = 0; k < K && started; ++k) {
        if (options.fit_intercept) theta[k * step + p] = options.intercepts[k];
        for (Index j = 0; j < p; ++j) {
            const double b = options.coef[k * p + j];
            if (at.scale[j] > 0) theta[k * step + j] = b / at.scale[j];
            if (options.fit_intercept) theta[k * step + p] += at.mean[j] * b;
        }
    }
    const QuasiNewtonControl control = smooth_control(options, std::numeric_limits<T>::epsilon());
    const SmoothPlan plan = plan_smooth(x, options.method);
    MultinomialObjective<Matrix> objective(rows, at, options.alpha, 0, pi, options);
    if (plan.sample > 0) {
        const std::vector<Index> chosen = spread_rows(n, plan.sample);
        const auto some = x.copy_rows(chosen);
        const std::vector<T> some_y = take(y, chosen), some_weight = take(weight, chosen);
        const Matrix sampled = some.matrix();
        const ClassRows<Matrix> some_rows{
            sampled, {some_y.data(), plan.sample, 1}, {weight ? some_weight.data() : nullptr, plan.sample, 1}, K};
        const double share = static_cast<double>(p) / static_cast<double>(plan.sample);
        MultinomialObjective<Matrix> start(some_rows, at, options.alpha, started ? 0.0 : 0.05 * share, pi, options);
        start.find_unseen();
        start.product_metric(theta, true);
        if (!started) {
            QuasiNewtonControl rough = control;
            rough.decrement = 0.1 * share * static_cast<double>(K - 1);
            rough.max_iter = 20;
            const std::vector<double> origin = theta;
            const QuasiNewtonResult found = minimise(start, theta, rough);
            if (found.status == Status::not_finite || found.status == Status::interrupted) theta = origin;
        }
        if (start.product_cost() < 8 * objective.pass_cost()) start.product_metric(theta, true);
        objective.use(start.metric());
        s.sample = plan.sample;
    } else if (options.method == SmoothMethod::newton) {
        objective.full_metric(theta);
    } else {
        objective.product_metric(theta, plan.factor);
    }
    objective.report();
    const QuasiNewtonResult found = minimise(objective, theta, control);
    s.status = smooth_status(found, control);
    s.objective = found.value;
    s.gradient_norm = found.certificate;
    s.iterations = found.iterations;
    s.passes = objective.passes();
    s.grams = objective.grams();
    s.method = options.method == SmoothMethod::lbfgs   ? "lbfgs"
               : objective.metric().is_full()          ? "newton"
               : objective.wants_conjugate_gradients() ? "newton-cg"
                                                       : "preconditioned lbfgs";
    s.coef.resize(static_cast<std::size_t>(K * p));
    s.intercepts.assign(K, 0.0);
    for (Index k = 0; k < K; ++k) {
        if (options.fit_intercept) s.intercepts[k] = theta[k * step + p];
        for (Index j = 0; j < p; ++j) {
            s.coef[k * p + j] = at.scale[j] * theta[k * step + j];
            if (options.fit_intercept) s.intercepts[k] -= at.mean[j] * s.coef[k * p + j];
        }
    }
    // what is the same in all classes changes no probability: nothing, as the penalty has it, or by choice
    double middle = 0;
    for (double c : s.intercepts) middle += c / static_cast<double>(K);
    for (double& c : s.intercepts) c -= middle;
    for (Index j = 0; j < p; ++j) {
        double mean = 0;
        for (Index k = 0; k < K; ++k) mean += s.coef[k * p + j] / static_cast<double>(K);
        for (Index k = 0; k < K; ++k) s.coef[k * p + j] -= mean;
    }
    if (has_ended(s.status) && options.alpha == 0 && separates_classes(rows, at, found.step, s)) {
        s.status = Status::separated;
        std::vector<double> size(p, 0.0);
        for (Index k = 0; k < K; ++k)
            for (Index j = 0; j < p; ++j) size[j] = std::max(size[j], std::abs(found.step[k * step + j]));
        const double most = p > 0 ? *std::max_element(size.begin(), size.end()) : 0.0;
        for (Index j = 0; j < p; ++j)
            if (size[j] > 0.05 * most) s.columns.push_back(j);
    }
    if (objective.interrupted()) s.status = Status::interrupted;
    return s;
}

#define MLCRAFT_MULTINOMIAL(M)                                                            \
    template SmoothSolution fit_multinomial<M>(const M&, VectorView<const M::value_type>, \
                                               VectorView<const M::value_type>, Index, const SmoothOptions&);
MLCRAFT_MULTINOMIAL(DenseMatrix<double>)
MLCRAFT_MULTINOMIAL(DenseMatrix<float>)
using ClassCsr64 = CsrMatrix<double, std::int32_t>;
using ClassCsr32 = CsrMatrix<float, std::int32_t>;
using ClassLongCsr64 = CsrMatrix<double, std::int64_t>;
using ClassLongCsr32 = CsrMatrix<float, std::int64_t>;
MLCRAFT_MULTINOMIAL(ClassCsr64)
MLCRAFT_MULTINOMIAL(ClassCsr32)
MLCRAFT_MULTINOMIAL(ClassLongCsr64)
MLCRAFT_MULTINOMIAL(ClassLongCsr32)
#undef MLCRAFT_MULTINOMIAL

}  // namespace mlcraft
