#include "mlcraft/solver/sgd.hpp"

#include <atomic>
#include <cmath>
#include <memory>
#include <stdexcept>
#include <thread>
#include <type_traits>
#include <utility>

#include "mlcraft/core/threads.hpp"
#include "mlcraft/solver/sgd_rows.hpp"

namespace mlcraft {

using simd::SgdBlock;
using simd::SgdLoss;
using simd::SgdModel;
using simd::SgdRule;

namespace {

bool sgd_loss_of(const std::string& name, double parameter, SgdRule& rule) {
    static const std::pair<const char*, SgdLoss> losses[] = {
        {"hinge", SgdLoss::hinge},
        {"perceptron", SgdLoss::hinge},
        {"squared_hinge", SgdLoss::squared_hinge},
        {"log_loss", SgdLoss::log_loss},
        {"modified_huber", SgdLoss::modified_huber},
        {"squared_error", SgdLoss::squared_error},
        {"huber", SgdLoss::huber},
        {"epsilon_insensitive", SgdLoss::epsilon_insensitive},
        {"squared_epsilon_insensitive", SgdLoss::squared_epsilon_insensitive},
    };
    for (const auto& [known, loss] : losses)
        if (name == known) {
            rule.loss = loss;
            rule.parameter = loss == SgdLoss::hinge ? (name == "hinge" ? 1.0 : 0.0) : parameter;
            return true;
        }
    return false;
}

bool sgd_schedule_of(const std::string& name, SgdSchedule& schedule) {
    static const std::pair<const char*, SgdSchedule> schedules[] = {
        {"constant", SgdSchedule::constant}, {"optimal", SgdSchedule::optimal}, {"invscaling", SgdSchedule::invscaling},
        {"adaptive", SgdSchedule::adaptive}, {"pa1", SgdSchedule::pa1},         {"pa2", SgdSchedule::pa2},
    };
    for (const auto& [known, found] : schedules)
        if (name == known) {
            schedule = found;
            return true;
        }
    return false;
}

// The sum of the loss over rows; `p` is overwritten.
double sgd_loss_sum(const SgdRule& rule, Index count, const double* y, double* p) {
    if (rule.loss == SgdLoss::log_loss)
        return simd::kernels().f64.loss.logistic(y, nullptr, count, 0, p, nullptr).value;
    const double limit = rule.parameter;
    const auto sum = [&](auto value) {
        double total = 0;
        for (Index i = 0; i < count; ++i) total += value(y[i], p[i]);
        return total;
    };
    const auto beyond = [limit](double a, double b) { return std::max(0.0, std::abs(a - b) - limit); };
    switch (rule.loss) {
        case SgdLoss::hinge: return sum([&](double a, double b) { return std::max(0.0, limit - a * b); });
        case SgdLoss::squared_hinge:
            return sum([](double a, double b) { return std::pow(std::max(0.0, 1 - a * b), 2); });
        case SgdLoss::modified_huber:
            return sum([](double a, double b) {
                const double z = a * b;
                return z >= 1 ? 0.0 : (z >= -1 ? (1 - z) * (1 - z) : -4 * z);
            });
        case SgdLoss::squared_error: return sum([](double a, double b) { return 0.5 * (b - a) * (b - a); });
        case SgdLoss::huber:
            return sum([limit](double a, double b) {
                const double r = std::abs(a - b);
                return r <= limit ? 0.5 * r * r : limit * (r - 0.5 * limit);
            });
        case SgdLoss::epsilon_insensitive: return sum(beyond);
        case SgdLoss::squared_epsilon_insensitive:
            return sum([&](double a, double b) { return std::pow(beyond(a, b), 2); });
        default: return 0;
    }
}

SgdRule sgd_rule_of(const SgdOptions& o, SgdSchedule schedule, bool single) {
    SgdRule rule;
    sgd_loss_of(o.loss, o.parameter, rule);
    const bool l1 = o.penalty == "l1", elastic = o.penalty == "elasticnet", any = o.penalty != "none";
    const double ratio = l1 ? 1.0 : (elastic ? o.l1_ratio : 0.0);
    rule.aggressive = schedule == SgdSchedule::pa1 ? 1 : (schedule == SgdSchedule::pa2 ? 2 : 0);
    rule.eta0 = o.eta0;
    rule.alpha = o.alpha;
    rule.shrinks = any && !l1;
    rule.l1 = l1 || elastic;
    rule.shrinkage = rule.shrinks ? (1 - ratio) * o.alpha : 0.0;
    rule.l1_rate = rule.l1 ? ratio * o.alpha : 0.0;
    rule.square_cost = any ? 0.5 * o.alpha * (1 - ratio) : 0.0;
    rule.size_cost = any ? o.alpha * ratio : 0.0;
    rule.average = o.average;
    rule.least_scale = single ? 1e-6 : 1e-9;  // where w takes over its scale; where scikit-learn does it
    rule.fit_intercept = o.fit_intercept;
    rule.one_class = o.one_class;
    const bool wanted = o.follow || (!o.early_stopping && o.tol > -std::numeric_limits<double>::infinity());
    rule.objective = wanted && rule.aggressive == 0 && (any || o.one_class);
    return rule;
}

// One problem in training.
template <class Matrix>
class SgdFit {
public:
    using T = typename Matrix::value_type;
    SgdFit(const Matrix& x, const SgdData<T>& data, SgdProblem<T>& problem, const SgdOptions& options, int threads)
        : x_(x), data_(data), problem_(problem), options_(options), threads_(threads), schedule_(schedule_of(options)),
          rule_(sgd_rule_of(options, schedule_, std::is_same_v<T, float>)),
          order_(x.rows(), data.validation, options.shuffle, problem.seed),
          width_((x.cols() + simd::sgd_padding - 1) / simd::sgd_padding * simd::sgd_padding),
          vectors_(1 + (rule_.l1 ? 1 : 0) + (problem.average_coef != nullptr ? 1 : 0)), memory_(vectors_ * width_),
          ahead_(std::clamp<Index>(16384 / std::max<Index>(rows_type::row_bytes(x), 1), 1, 24)),
          block_(options.batch_size > 1
                     ? std::min(options.batch_size, std::max<Index>(order_.size(), 1))
                     : std::clamp<Index>((1 << 20) / std::max<Index>(rows_type::row_bytes(x), 1), 16, 256)),
          rows_(x, block_ + ahead_), numbers_(static_cast<std::size_t>(4 * block_)), eta_(options.eta0) {
        std::fill(memory_.data, memory_.data + vectors_ * width_, T(0));
        rule_.decay = is_sparse ? 0.01 : 1.0;
        model_.size = x.cols();
        model_.w = memory_.data;
        if (rule_.l1) model_.q = memory_.data + width_;
        if (problem.average_coef != nullptr) model_.average = memory_.data + (vectors_ - 1) * width_;
        for (Index j = 0; j < x.cols(); ++j) {
            const T b = problem.coef[j];
            model_.w[j] = b;
            model_.squared_norm += static_cast<double>(b) * static_cast<double>(b);
            model_.l1_norm += std::abs(static_cast<double>(b));
            if (model_.average != nullptr) model_.average[j] = problem.average_coef[j];
        }
        model_.intercept = problem.intercept;
        model_.average_intercept = problem.average_intercept;
        model_.t = data.t;
        const double first = std::sqrt(1 / std::sqrt(options.alpha));
        optimal_start_ = 1 / (first * options.alpha);  // the gradient at p = -first, y = 1 is negative for every loss
    }

    SgdProblem<T>& problem() const { return problem_; }
    const T* w() const { return model_.w; }
    double intercept() const { return model_.intercept; }
    double scale() const { return model_.scale; }

    // All rows once. `stop` is asked after every block.
    template <class Stop>
    void run_epoch(Stop&& stop) {
        order_.begin();
        model_.penalty = 0;
        double loss = 0;
        const bool wanted =
            options_.follow || (!options_.early_stopping && options_.tol > -std::numeric_limits<double>::infinity());
        for (Index begin = 0; begin < order_.size() && !stop(); begin += block_) {
            const Index count = std::min(block_, order_.size() - begin);
            take(begin, count);
            fill_eta(options_.batch_size > 1 ? 1 : count);
            if (options_.batch_size > 1)
                step_by_mean(count);
            else
                rows_.run(rule_, model_, {count, ahead_, y(), weight(), eta(), predicted()});
            if (wanted) loss += sgd_loss_sum(rule_, count, y(), predicted());
        }
        const double trained = static_cast<double>(order_.size());
        problem_.loss = loss / trained;
        problem_.objective = (loss + model_.penalty) / trained;
        ++problem_.n_iter;
    }

    bool finite() const {
        bool good = std::isfinite(model_.intercept);
        for (Index j = 0; good && j < model_.size; ++j) good = std::isfinite(model_.w[j]);
        return good;
    }

    // After an epoch: whether to go on.
    bool decide() {
        if (problem_.status == Status::not_finite) return false;
        const bool stopping = options_.tol > -std::numeric_limits<double>::infinity();
        // better is larger; ties with a best that is infinite do not count
        const double reached = options_.early_stopping ? problem_.score : -problem_.objective;
        const bool stale =
            options_.early_stopping ? reached < best_ + options_.tol : problem_.objective > -best_ - options_.tol;
        stale_ = stopping && stale ? stale_ + 1 : 0;
        if (reached > best_) best_ = reached;
        if (stale_ >= options_.patience) {
            if (schedule_ != SgdSchedule::adaptive || !(eta_ > 1e-6)) {
                problem_.status = Status::converged;
                return false;
            }
            eta_ /= 5;
            stale_ = 0;
        }
        return problem_.n_iter < options_.max_iter;
    }

    // The model as it is now, where the caller keeps it; without the coefficients only its numbers.
    void publish(bool coefficients) const {
        problem_.intercept = model_.intercept;
        problem_.average_intercept = model_.average_intercept;
        if (!coefficients) return;
        for (Index j = 0; j < model_.size; ++j) problem_.coef[j] = static_cast<T>(model_.scale * coefficient(j));
        if (model_.average != nullptr)
            for (Index j = 0; j < model_.size; ++j)
                problem_.average_coef[j] = static_cast<T>(
                    (static_cast<double>(model_.average[j]) + model_.average_a * coefficient(j)) / model_.average_b);
    }

private:
    using rows_type = SgdRows<Matrix>;
    static constexpr bool is_sparse = !rows_type::sums_in_lanes;

    static SgdSchedule schedule_of(const SgdOptions& options) {
        SgdSchedule schedule = SgdSchedule::optimal;
        sgd_schedule_of(options.schedule, schedule);
        return schedule;
    }
    double coefficient(Index j) const { return static_cast<double>(model_.w[j]); }
    double* y() { return numbers_.data(); }
    double* weight() { return numbers_.data() + block_; }
    double* eta() { return numbers_.data() + 2 * block_; }
    double* predicted() { return numbers_.data() + 3 * block_; }

    // The rows of a block and, of those after it, where they are.
    void take(Index begin, Index count) {
        const Index known = order_.reached();
        order_.reach(std::min(order_.size(), begin + 2 * block_ + ahead_));
        for (Index k = known; k < order_.reached(); ++k) {  // their rows are asked for later
            const std::int32_t i = order_.rows()[k];
            __builtin_prefetch(&data_.y[i], 0, 2);
            if (data_.weight) __builtin_prefetch(&data_.weight[i], 0, 2);
        }
        const std::int32_t* rows = order_.rows();
        for (Index k = 0; k < count + ahead_; ++k) rows_.set(k, rows[std::min(begin + k, order_.size() - 1)]);
        for (Index k = 0; k < count; ++k) {
            const Index i = rows[begin + k];
            const double value = static_cast<double>(data_.y[i]);
            const double rest = rule_.loss == SgdLoss::log_loss ? 0.0 : -1.0;
            const double target = problem_.code < 0 ? value : (value == problem_.code ? 1.0 : rest);
            const double weights[2] = {problem_.negative, problem_.positive};  // no branch: labels come at random
            y()[k] = target;
            weight()[k] = weights[target > 0];
            if (data_.weight) weight()[k] *= static_cast<double>(data_.weight[i]);
        }
    }

    void fill_eta(Index count) {
        for (Index k = 0; k < count; ++k) {
            const double t = model_.t + static_cast<double>(k);
            if (schedule_ == SgdSchedule::optimal)
                eta()[k] = 1 / (options_.alpha * (optimal_start_ + t - 1));
            else if (schedule_ != SgdSchedule::invscaling)
                eta()[k] = eta_;
            else if (options_.power == 0.5)
                eta()[k] = options_.eta0 / std::sqrt(t);
            else if (options_.power == 0.25)
                eta()[k] = options_.eta0 / std::sqrt(std::sqrt(t));
            else
                eta()[k] = options_.eta0 / std::pow(t, options_.power);
        }
    }

    // One step along the mean of the rows' gradients.
    void step_by_mean(Index count) {
        constexpr Index lane = 64;
        const Index lanes = (count + lane - 1) / lane, p = model_.size;
        factors_.resize(static_cast<std::size_t>(count));
        if (!is_sparse) sums_.resize(static_cast<std::size_t>(lanes * p));
        const double share = 1 / static_cast<double>(count);
        const double work = static_cast<double>(count) * (1.6 * static_cast<double>(rows_type::row_bytes(x_)) + 100);
        const int threads = std::min(threads_, threads_for(work));
        parallel_tasks(lanes, threads, [&](Index task) {
            const Index begin = task * lane, end = std::min(count, begin + lane);
            for (Index k = begin; k < end; ++k) {
                rows_.ask(std::min(k + 8, count - 1));
                predicted()[k] = model_.scale * rows_.dot(k, model_.w) + model_.intercept;
                factors_[static_cast<std::size_t>(k)] = predicted()[k];
            }
            double* factor = factors_.data() + begin;
            simd::kernels().of<T>().sgd.gradients(rule_, end - begin, y() + begin, factor);
            for (Index k = begin; k < end; ++k) factor[k - begin] *= -share * weight()[k];
            if constexpr (!is_sparse) rows_.sum(begin, end, factors_.data(), sums_.data() + task * p);
        });
        double update = 0;
        for (const double factor : factors_) update += factor;
        update *= eta()[0];
        const double before = model_.penalty, rows = static_cast<double>(count);
        const double charge = rule_.objective && rule_.one_class ? model_.intercept * rule_.alpha : 0.0;
        if (rule_.fit_intercept)
            model_.intercept += (rule_.one_class ? update - eta()[0] * rule_.alpha : update) * rule_.decay;
        SgdRule rule = rule_;
        rule.loss = SgdLoss::given;
        rule.fit_intercept = rule.one_class = false;
        const double towards = -1, one = 1;
        double unused = 0;
        const SgdBlock block{1, 0, &towards, &one, eta(), &unused};
        if constexpr (is_sparse) {
            rows_.run_sum(rule, model_, block, count, factors_.data());
        } else {
            for (Index task = 1; task < lanes; ++task)
                for (Index j = 0; j < p; ++j)
                    sums_[static_cast<std::size_t>(j)] += sums_[static_cast<std::size_t>(task * p + j)];
            SgdRows<DenseMatrix<T>> mean(DenseMatrix<T>({sums_.data(), 1, p, p, 1}), 1);
            mean.set(0, 0);
            mean.run(rule, model_, block);
        }
        model_.penalty = before + rows * (model_.penalty - before + charge);
    }

    const Matrix& x_;
    const SgdData<T>& data_;
    SgdProblem<T>& problem_;
    const SgdOptions& options_;
    int threads_;
    SgdSchedule schedule_;
    SgdRule rule_;
    SgdModel<T> model_;
    SgdOrder order_;
    Index width_, vectors_;
    AlignedBuffer<T> memory_;  // w, then q and the average where they are needed, each for whole SIMD vectors
    Index ahead_, block_;
    rows_type rows_;
    std::vector<double> numbers_, factors_;  // of the rows of a block: y, weight, eta, predicted; and their gradients
    std::vector<T> sums_;
    double eta_, optimal_start_ = 0, best_ = -std::numeric_limits<double>::infinity();
    Index stale_ = 0;
};

}  // namespace

template <class Matrix>
Status train_sgd(const Matrix& x, const SgdData<typename Matrix::value_type>& data,
                 std::vector<SgdProblem<typename Matrix::value_type>>& problems, const SgdOptions& options,
                 const SgdCalls<typename Matrix::value_type>& calls) {
    using Fit = SgdFit<Matrix>;
    SgdRule rule;
    SgdSchedule schedule;
    if (!sgd_loss_of(options.loss, 0, rule) || !sgd_schedule_of(options.schedule, schedule) || x.rows() == 0)
        throw std::invalid_argument("no loss '" + options.loss + "', no schedule '" + options.schedule +
                                    "', or no rows");
    const Index count = static_cast<Index>(problems.size());
    const double row_work = 600 + static_cast<double>(SgdRows<Matrix>::row_bytes(x));
    const int threads =
        std::max(1, std::min(options.threads, options.batch_size > 1 && count == 1
                                                  ? options.threads
                                                  : threads_for(row_work * static_cast<double>(x.rows() * count))));
    const Index slots = calls.epoch ? count : std::min<Index>(count, threads);
    std::vector<std::unique_ptr<Fit>> active;
    std::vector<Index> names;
    std::atomic<bool> stopped{false};
    InterruptPoll interrupt;
    const auto caller = std::this_thread::get_id();
    const auto stop = [&] {
        if (std::this_thread::get_id() == caller && interrupt.poll()) stopped.store(true, std::memory_order_relaxed);
        return stopped.load(std::memory_order_relaxed);
    };
    Index next = 0, epoch = 0;
    bool ended = false;
    while (!ended) {
        for (; next < count && static_cast<Index>(active.size()) < slots; ++next) {
            active.push_back(std::make_unique<Fit>(x, data, problems[static_cast<std::size_t>(next)], options,
                                                   slots > 1 ? 1 : threads));
            names.push_back(next);
        }
        if (active.empty()) break;
        parallel_tasks(static_cast<Index>(active.size()), threads,
                       [&](Index task) { active[static_cast<std::size_t>(task)]->run_epoch(stop); });
        if (stopped.load()) return Status::interrupted;
        std::vector<std::unique_ptr<Fit>> on;
        std::vector<Index> names_on;
        for (std::size_t a = 0; a < active.size(); ++a) {
            Fit& fit = *active[a];
            if (!fit.finite())
                fit.problem().status = Status::not_finite;
            else if (options.early_stopping && calls.score)
                fit.problem().score = calls.score(names[a], fit.w(), fit.intercept(), fit.scale());
            const bool goes_on = fit.decide();
            fit.publish(!goes_on || calls.copies);
            if (!goes_on) continue;
            on.push_back(std::move(active[a]));
            names_on.push_back(names[a]);
        }
        active = std::move(on);
        names = std::move(names_on);
        ended = calls.epoch && calls.epoch(++epoch);
    }
    if (!ended) return Status::converged;
    for (const auto& fit : active) {
        fit->publish(true);
        fit->problem().status = Status::interrupted;
    }
    return Status::interrupted;
}

#define MLCRAFT_SGD(M)                                                                                             \
    template Status train_sgd<M>(const M&, const SgdData<M::value_type>&, std::vector<SgdProblem<M::value_type>>&, \
                                 const SgdOptions&, const SgdCalls<M::value_type>&);
MLCRAFT_SGD(DenseMatrix<double>)
MLCRAFT_SGD(DenseMatrix<float>)
using SgdCsr64 = CsrMatrix<double, std::int32_t>;
using SgdCsr32 = CsrMatrix<float, std::int32_t>;
using SgdLongCsr64 = CsrMatrix<double, std::int64_t>;
using SgdLongCsr32 = CsrMatrix<float, std::int64_t>;
MLCRAFT_SGD(SgdCsr64)
MLCRAFT_SGD(SgdCsr32)
MLCRAFT_SGD(SgdLongCsr64)
MLCRAFT_SGD(SgdLongCsr32)

}  // namespace mlcraft
