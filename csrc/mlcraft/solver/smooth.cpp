#include "mlcraft/solver/smooth.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "mlcraft/matrix/csr.hpp"
#include "mlcraft/matrix/dense.hpp"
#include "mlcraft/solver/coordinates.hpp"
#include "mlcraft/solver/metric.hpp"
#include "mlcraft/solver/null_model.hpp"
#include "mlcraft/solver/objective.hpp"
#include "mlcraft/solver/quasi_newton.hpp"
#include "mlcraft/solver/row_sample.hpp"
#include "mlcraft/solver/smooth_pass.hpp"
#include "mlcraft/solver/work_estimate.hpp"

namespace mlcraft {
namespace {

// The problem in the coordinates of the metric; what `minimise` asks for.
template <class Matrix>
class SmoothObjective : public MetricObjective {
public:
    using T = typename Matrix::value_type;
    SmoothObjective(const SmoothRows<Matrix>& rows, const Coordinates& at, const SmoothPenalty& penalty, double ridge,
                    double residual, const SmoothOptions& options)
        : MetricObjective(options, estimate_work(rows.x, rows.x.rows()), residual), rows_(rows), at_(at),
          penalty_(penalty), ridge_(ridge), hess_(static_cast<std::size_t>(rows.x.rows())),
          keep_hess_(work_.gram < 8 * work_.pass),
          flat_(options.loss == "huber" || options.loss == "modified_huber" || options.loss == "user") {}

    double evaluate(const std::vector<double>& theta, std::vector<double>& gradient) {
        const Index p = rows_.x.cols();
        std::vector<double> coef(p);
        double c = at_.intercept ? theta[p] : 0.0;
        for (Index j = 0; j < p; ++j) {
            coef[j] = at_.scale[j] * theta[j];
            if (at_.intercept) c -= at_.mean[j] * coef[j];
        }
        ++passes_;
        T* const hess = keep_hess_ ? hess_.data() : nullptr;
        const PassSums pass = smooth_pass(rows_, coef.data(), c, hess, options_.threads);
        if (hess != nullptr) {
            hess_at_ = theta;
            mean_hess_ = pass.hess;
            softened_ = !flat_;
        }
        weight_sum_ = pass.weight_sum;
        double value = pass.value + penalty_.intercept_alpha * c * c / 2;
        const double g0 = at_.intercept ? pass.intercept_gradient + penalty_.intercept_alpha * c : 0.0;
        gradient.resize(theta.size());
        for (Index j = 0; j < p; ++j) {
            value += penalty_.alpha * coef[j] * coef[j] / 2 + ridge_ * theta[j] * theta[j] / 2;
            gradient[j] = at_.scale[j] *
                              (pass.gradient[j] - (at_.intercept ? at_.mean[j] * g0 : 0.0) + penalty_.alpha * coef[j]) +
                          ridge_ * theta[j];
        }
        gradient[p] = g0;
        return value;
    }

    const Metric& metric() const { return metric_; }
    void use(const Metric& metric) { metric_ = metric; }
    void use_diagonal() {
        metric_ = Metric(at_, penalty_, mean_hess_ > 0 ? std::max(mean_hess_, 1e-12) : 1.0);
        keep_hess_ = true;
    }

    // Where L-BFGS in a factorised metric has not done it in some thirty steps, it would take hundreds.
    bool wants_conjugate_gradients() const {
        if (few_curved_) return false;
        return is(SmoothMethod::cheapest) ? metric_.is_diagonal() || iterations_ > 30 : is(SmoothMethod::newton_cg);
    }
    void prepare_hess(const std::vector<double>& theta) {
        std::vector<double> unused;
        if (hess_at_ != theta) evaluate_hess(theta, unused);
        soften();
        zeros_.resize(hess_.size(), T(0));
    }

    // The Hessian at the point prepared, times v: the gradient of a weighted squared loss with targets of zero.
    void hess_times(const std::vector<double>& v, std::vector<double>& out) {
        const Index n = rows_.x.rows(), p = rows_.x.cols();
        std::vector<double> coef(p);
        double c = at_.intercept ? v[p] : 0.0;
        for (Index j = 0; j < p; ++j) {
            coef[j] = at_.scale[j] * v[j];
            if (at_.intercept) c -= at_.mean[j] * coef[j];
        }
        ++passes_;
        const SmoothRows<Matrix> rows{
            rows_.x, {zeros_.data(), n, 1}, {hess_.data(), n, 1}, {}, find_loss<T>("squared"), T(0), false};
        const PassSums pass = smooth_pass(rows, coef.data(), c, static_cast<T*>(nullptr), options_.threads);
        const double share = pass.weight_sum / weight_sum_;
        const double g0 = at_.intercept ? share * pass.intercept_gradient + penalty_.intercept_alpha * c : 0.0;
        out.resize(v.size());
        for (Index j = 0; j < p; ++j)
            out[j] = at_.scale[j] * (share * pass.gradient[j] - (at_.intercept ? at_.mean[j] * g0 : 0.0) +
                                     penalty_.alpha * coef[j]) +
                     ridge_ * v[j];
        out[p] = g0;
    }

    double evaluate_hess(const std::vector<double>& theta, std::vector<double>& gradient) {
        const bool keep = keep_hess_;
        keep_hess_ = true;
        const double value = evaluate(theta, gradient);
        keep_hess_ = keep;
        return value;
    }

    // Where nearly all rows lie in parts of the loss without curvature, the others are too few to say what a longer
    // step meets: every row takes a share of the mean curvature, and L-BFGS is better than Newton's method.
    void soften() {
        if (softened_) return;
        softened_ = true;
        const Index n = rows_.x.rows();
        const double some = static_cast<double>(rows_.x.cols() + 1);
        double sum = 0, largest = 0;
        for (Index i = 0; i < n; ++i) {
            const double w = rows_.weight ? static_cast<double>(rows_.weight[i]) : 1.0;
            const double h = static_cast<double>(hess_[i]);
            sum += h;
            if (w > 0) largest = std::max(largest, h / w);
        }
        const double share_of_rows = largest > 0 ? sum / (largest * weight_sum_) : 0.0;
        const double curved = share_of_rows * static_cast<double>(n);
        double penalty = 0;
        for (const double scale : at_.scale) penalty += penalty_.alpha * scale * scale / some;
        const bool singular = share_of_rows < 1 - 1e-6 && penalty < 1e-6 * mean_hess_;  // if the others carry the rank
        few_curved_ = curved < 10 * some && (share_of_rows < 0.1 || singular);
        if (!few_curved_) return;
        const double share = some / (some + curved);
        const T extra = static_cast<T>(sum > 0 ? share * sum / weight_sum_ : 1.0);
        for (Index i = 0; i < n; ++i)
            hess_[i] = static_cast<T>(1 - share) * hess_[i] + (rows_.weight ? extra * rows_.weight[i] : extra);
    }

    // The Hessian of these rows at theta, factorised.
    void make_metric(const std::vector<double>& theta) {
        std::vector<double> unused;
        if (hess_at_ != theta) evaluate_hess(theta, unused);
        soften();
        const Moments m = weighted_moments(rows_.x, hess_.data(), at_.intercept, options_.threads);
        metric_ = Metric(m, weight_sum_, at_, penalty_, unseen_, options_.threads);
        metric_made();
    }

    // Whether a new metric has been made: that costs less than the iterations it saves.
    bool improve_metric(double certificate, double before, const std::vector<double>& theta) {
        const double left = passes_left(certificate, before, wants_conjugate_gradients(), 100);
        if (flat_ && hess_at_ == theta) soften();
        if (few_curved_) return false;
        if (is(SmoothMethod::newton)) {
            make_metric(theta);
            return true;
        }
        if (!is(SmoothMethod::cheapest) || !work_.may_factor || grams_ >= 40) return false;
        const double after = metric_.is_diagonal() ? 8 : 2;
        if (left * work_.pass <= work_.gram + std::min(left, after) * work_.pass) return false;
        make_metric(theta);
        return true;
    }

    // For the rows of a sample.
    void find_unseen() { unseen_ = unseen_columns(rows_.x, rows_.weight, at_, options_.threads); }

private:
    const SmoothRows<Matrix>& rows_;
    const Coordinates& at_;
    SmoothPenalty penalty_;
    double ridge_;  // of theta, for the start on a sample
    std::vector<T> hess_;
    std::vector<double> hess_at_;
    std::vector<char> unseen_;
    bool keep_hess_, flat_, softened_ = true, few_curved_ = false;
    double mean_hess_ = 0, weight_sum_ = 0;
    Metric metric_;
    std::vector<T> zeros_;
};

// With no penalty a direction d with (2 y_i - 1) x_i'd >= 0 for all rows and > 0 for some lowers the loss for ever
// (Albert and Anderson 1984). The last steps of the solver point there.
template <class Matrix>
bool is_separating(const SmoothRows<Matrix>& rows, const Coordinates& at, const std::vector<double>& step,
                   const std::vector<double>& coef, double intercept) {
    using T = typename Matrix::value_type;
    const Index n = rows.x.rows(), p = rows.x.cols();
    std::vector<T> d(static_cast<std::size_t>(p)), eta(max_block_rows), at_end(max_block_rows);
    const std::vector<T> end(coef.begin(), coef.end());
    double c = step[p];
    for (Index j = 0; j < p; ++j) {
        d[j] = static_cast<T>(at.scale[j] * step[j]);
        c -= at.mean[j] * static_cast<double>(d[j]);
    }
    Index moving = 0;
    double least = 0, most = 0;
    for (Index begin = 0; begin < n; begin += max_block_rows) {
        const Index count = std::min(max_block_rows, n - begin);
        std::fill(eta.begin(), eta.end(), static_cast<T>(c));
        rows.x.times(begin, count, d.data(), eta.data());
        std::fill(at_end.begin(), at_end.end(), static_cast<T>(intercept));
        rows.x.times(begin, count, end.data(), at_end.data());
        for (Index i = 0; i < count; ++i) {
            const double y = static_cast<double>(rows.y[begin + i]);
            if (rows.weight && !(rows.weight[begin + i] > 0)) continue;
            if (y > 0 && y < 1) return false;
            const double side = (2 * y - 1) * static_cast<double>(eta[i]);
            least = std::min(least, side);
            most = std::max(most, side);
            // the rows still on their way are certain by now, and one alone may be an outlier that moves with rounding
            moving += side > 0.1;
            if (side > 0.1 && (2 * y - 1) * static_cast<double>(at_end[i]) < 8) return false;
        }
    }
    return moving > 1 && most > 0.2 && least > -1e-3 * std::min(most, 1.0);
}

}  // namespace

template <class Matrix>
SmoothSolution fit_smooth(const Matrix& x, VectorView<const typename Matrix::value_type> y,
                          VectorView<const typename Matrix::value_type> weight,
                          VectorView<const typename Matrix::value_type> offset, const SmoothOptions& options) {
    using T = typename Matrix::value_type;
    const Index n = x.rows(), p = x.cols();
    const SmoothRows<Matrix> rows{x,
                                  y,
                                  weight,
                                  offset,
                                  find_loss<T>(options.loss.c_str()),
                                  static_cast<T>(options.parameter),
                                  options.state != nullptr,
                                  user_loss_at<T>(options.user_loss, options.user_hess)};
    const NullModel null = null_model(rows, options.loss, options.fit_intercept, options.threads);
    const Coordinates at =
        options.state ? options.state->at : coordinates_of(x, weight, options.fit_intercept, options.threads);
    const SmoothPenalty penalty{options.alpha, options.intercept_alpha};
    SmoothSolution s;
    if (!at.out_of_range.empty()) {
        s.columns = at.out_of_range;
        s.status = Status::not_finite;
        return s;
    }
    std::vector<double> theta(static_cast<std::size_t>(p + 1), 0.0);
    theta[p] = null.intercept;
    const bool started = !options.coef.empty();
    if (started) {
        theta[p] = options.fit_intercept ? options.intercepts[0] : 0.0;
        for (Index j = 0; j < p; ++j) {
            if (at.scale[j] > 0) theta[j] = options.coef[j] / at.scale[j];
            if (options.fit_intercept) theta[p] += at.mean[j] * options.coef[j];
        }
    }
    const QuasiNewtonControl control = smooth_control(options, std::numeric_limits<T>::epsilon());
    const SmoothPlan plan = plan_smooth(x, options.method);
    SmoothObjective<Matrix> objective(rows, at, penalty, 0, null.residual, options);
    if (options.state) {
        objective.use(options.state->metric);
    } else if (plan.sample > 0) {
        const std::vector<Index> chosen = spread_rows(n, plan.sample);
        const auto some = x.copy_rows(chosen);
        const std::vector<T> some_y = take(y, chosen), some_weight = take(weight, chosen),
                             some_offset = take(offset, chosen);
        const auto view = [&](const std::vector<T>& v) {
            return VectorView<const T>{v.empty() ? nullptr : v.data(), static_cast<Index>(v.size()), 1};
        };
        const Matrix sampled = some.matrix();
        const SmoothRows<Matrix> some_rows{
            sampled, view(some_y), view(some_weight), view(some_offset), rows.block, rows.parameter, false, rows.user};
        const double share = static_cast<double>(p) / static_cast<double>(plan.sample);
        SmoothObjective<Matrix> start(some_rows, at, penalty, started ? 0.0 : 0.05 * share, null.residual, options);
        start.find_unseen();
        start.make_metric(theta);
        if (!started) {
            QuasiNewtonControl rough = control;
            rough.decrement = 0.1 * share;
            rough.max_iter = 15;
            const std::vector<double> origin = theta;
            const QuasiNewtonResult found = minimise(start, theta, rough);
            if (found.status == Status::not_finite || found.status == Status::interrupted) theta = origin;
            if (start.age() > 0 && (start.work().gram < 2 * objective.work().pass || found.iterations > 10))
                start.make_metric(theta);
        }
        objective.use(start.metric());
        s.sample = plan.sample;
    } else if (plan.factor) {
        objective.make_metric(theta);
    } else {
        std::vector<double> unused;
        objective.evaluate_hess(theta, unused);
        objective.use_diagonal();
    }
    objective.report();
    const QuasiNewtonResult found = minimise(objective, theta, control);
    s.status = smooth_status(found, control);
    s.objective = found.value;
    s.gradient_norm = found.certificate;
    s.iterations = found.iterations;
    s.passes = objective.passes();
    s.grams = objective.grams();
    s.method = options.method == SmoothMethod::lbfgs                   ? "lbfgs"
               : objective.metric().is_diagonal()                      ? "newton-cg"
               : s.grams > 1 || options.method == SmoothMethod::newton ? "newton"
                                                                       : "preconditioned lbfgs";
    s.coef.resize(p);
    s.intercepts.assign(1, options.fit_intercept ? theta[p] : 0.0);
    for (Index j = 0; j < p; ++j) {
        s.coef[j] = at.scale[j] * theta[j];
        if (options.fit_intercept) s.intercepts[0] -= at.mean[j] * s.coef[j];
    }
    if (has_ended(s.status) && options.alpha == 0 && options.loss == "logistic" &&
        is_separating(rows, at, found.step, s.coef, s.intercepts[0])) {
        s.status = Status::separated;
        double most = 0;
        for (Index j = 0; j < p; ++j) most = std::max(most, std::abs(found.step[j]));
        for (Index j = 0; j < p; ++j)
            if (std::abs(found.step[j]) > 0.05 * most) s.columns.push_back(j);
    }
    if (objective.interrupted()) s.status = Status::interrupted;
    if (options.keep_state && s.status == Status::converged) {
        if (s.grams == 0 && !objective.metric().is_diagonal()) objective.make_metric(theta);
        s.state = std::make_shared<const SmoothState>(SmoothState{at, objective.metric()});
    }
    return s;
}

#define MLCRAFT_SMOOTH(M)                                                                                             \
    template SmoothSolution fit_smooth<M>(const M&, VectorView<const M::value_type>, VectorView<const M::value_type>, \
                                          VectorView<const M::value_type>, const SmoothOptions&);
MLCRAFT_SMOOTH(DenseMatrix<double>)
MLCRAFT_SMOOTH(DenseMatrix<float>)
using SmoothCsr64 = CsrMatrix<double, std::int32_t>;
using SmoothCsr32 = CsrMatrix<float, std::int32_t>;
using SmoothLongCsr64 = CsrMatrix<double, std::int64_t>;
using SmoothLongCsr32 = CsrMatrix<float, std::int64_t>;
MLCRAFT_SMOOTH(SmoothCsr64)
MLCRAFT_SMOOTH(SmoothCsr32)
MLCRAFT_SMOOTH(SmoothLongCsr64)
MLCRAFT_SMOOTH(SmoothLongCsr32)
#undef MLCRAFT_SMOOTH

}  // namespace mlcraft
