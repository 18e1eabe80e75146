#include "mlcraft/solver/descent_problem.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "mlcraft/matrix/csr.hpp"
#include "mlcraft/matrix/dense.hpp"
#include "mlcraft/solver/class_pass.hpp"
#include "mlcraft/solver/null_model.hpp"
#include "mlcraft/solver/row_sample.hpp"
#include "mlcraft/solver/smooth_pass.hpp"

namespace mlcraft {

void DescentProblem::to_raw(const std::vector<double>& theta, std::vector<double>& coef,
                            std::vector<double>& intercept) const {
    coef.resize(static_cast<std::size_t>(classes * cols));
    intercept.assign(static_cast<std::size_t>(classes), 0.0);
    for (Index k = 0; k < classes; ++k) {
        const double *from = theta.data() + k * (cols + 1), *mean = at.mean.data(), *scale = at.scale.data();
        double *to = coef.data() + k * cols, shift = 0;
        for (Index j = 0; j < cols; ++j) {
            to[j] = scale[j] > 0 ? scale[j] * from[j] : fixed[j];
            shift += mean[j] * to[j];
        }
        if (at.intercept) intercept[k] = from[cols] - shift;
    }
}

void DescentProblem::to_theta(const std::vector<double>& coef, const std::vector<double>& intercept,
                              std::vector<double>& theta) const {
    theta.assign(static_cast<std::size_t>(classes * (cols + 1)), 0.0);
    for (Index k = 0; k < classes; ++k) {
        double* to = theta.data() + k * (cols + 1);
        if (at.intercept) to[cols] = intercept[k];
        for (Index j = 0; j < cols; ++j) {
            const double b = coef[k * cols + j];
            if (at.scale[j] > 0) to[j] = b / at.scale[j];
            if (at.intercept) to[cols] += at.mean[j] * b;
        }
    }
}

void DescentProblem::scale_gradient(std::vector<double>& gradient) const {
    for (Index k = 0; k < classes; ++k) {
        double* g = gradient.data() + k * (cols + 1);
        if (!at.intercept) g[cols] = 0;
        for (Index j = 0; j < cols; ++j) g[j] = at.scale[j] > 0 ? at.scale[j] * (g[j] - at.mean[j] * g[cols]) : 0.0;
    }
}

namespace {

struct LossBound {
    const char* name;
    double curvature;
};
constexpr LossBound loss_bounds[] = {{"squared", 1},       {"logistic", 0.25}, {"multinomial", 0.5},
                                     {"squared_hinge", 2}, {"huber", 1},       {"squared_epsilon_insensitive", 2},
                                     {"modified_huber", 2}};

template <class Matrix>
class RowProblem final : public DescentProblem {
public:
    using T = typename Matrix::value_type;
    RowProblem(const Matrix& x, VectorView<const T> y, VectorView<const T> weight, VectorView<const T> offset,
               const DescentLoss& loss, bool fit_intercept, int threads)
        : scalar_{x,
                  y,
                  weight,
                  offset,
                  find_loss<T>(loss.name.c_str()),
                  static_cast<T>(loss.parameter),
                  false,
                  user_loss_at<T>(loss.user, false)},
          threads_(threads) {
        rows = x.rows();
        cols = x.cols();
        classes = loss.name == "multinomial" ? loss.classes : 1;
        row_length = stored_elements(x) / static_cast<double>(std::max<Index>(rows, 1));
        precision = static_cast<double>(std::numeric_limits<T>::epsilon());
        at = coordinates_of(x, weight, fit_intercept, threads);
        fixed.assign(at.scale.size(), 0.0);
        passes = 1;
        weight_sum = weight ? 0.0 : static_cast<double>(rows);
        for (Index i = 0; weight && i < rows; ++i) weight_sum += static_cast<double>(weight[i]);
        if (classes > 1)
            measure_classes();
        else
            measure(loss);
        usable =
            usable && weight_sum > 0 && std::isfinite(weight_sum) && std::isfinite(residual) && at.out_of_range.empty();
    }

    double evaluate(const std::vector<double>& theta, std::vector<double>& gradient) override {
        to_raw(theta, coef_, intercept_);
        ++passes;
        double value = 0, total = 0;
        if (classes > 1) {
            value = class_pass(class_rows(), coef_, intercept_, static_cast<T*>(nullptr), gradient, total, threads_);
        } else {
            const PassSums pass = smooth_pass(scalar_, coef_.data(), intercept_[0], static_cast<T*>(nullptr), threads_);
            value = pass.value;
            gradient = pass.gradient;
            gradient.push_back(pass.intercept_gradient);
        }
        scale_gradient(gradient);
        return value;
    }

    void fill_table(const std::vector<double>& theta, std::vector<double>& table) override {
        table.resize(static_cast<std::size_t>(classes * rows));
        to_raw(theta, coef_, intercept_);
        ++passes;
        const std::vector<T> v(coef_.begin(), coef_.end());
        parallel_tasks((rows + max_block_rows - 1) / max_block_rows, threads_, [&](Index task) {
            const Index begin = task * max_block_rows, count = std::min(max_block_rows, rows - begin);
            std::vector<T> eta(static_cast<std::size_t>(classes * count));
            derivatives(scalar_, begin, count, v, intercept_, eta.data());
            for (Index k = 0; k < classes; ++k)
                for (Index i = 0; i < count; ++i) table[k * rows + begin + i] = static_cast<double>(eta[k * count + i]);
        });
    }

    void batch(const RowBatch& drawn, const std::vector<double>& theta, const BatchPlan& plan,
               std::vector<double>& direction) override {
        const auto count = static_cast<Index>(drawn.rows.size());
        const auto copy = scalar_.x.copy_rows(drawn.rows);
        const Matrix some = copy.matrix();
        const std::vector<T> y = take(scalar_.y, drawn.rows), weight = take(scalar_.weight, drawn.rows),
                             offset = take(scalar_.offset, drawn.rows);
        const auto view = [&](const std::vector<T>& v) {
            return VectorView<const T>{v.empty() ? nullptr : v.data(), count, 1};
        };
        const SmoothRows<Matrix> part{some,          view(y),           view(weight), view(offset),
                                      scalar_.block, scalar_.parameter, false,        scalar_.user};
        to_raw(theta, coef_, intercept_);
        std::vector<T> v(coef_.begin(), coef_.end()), eta(static_cast<std::size_t>(classes * count));
        derivatives_in_blocks(part, v, intercept_, eta);
        if (plan.reference != nullptr) {
            std::vector<T> other(eta.size());
            to_raw(*plan.reference, coef_, intercept_);
            v.assign(coef_.begin(), coef_.end());
            derivatives_in_blocks(part, v, intercept_, other);
            for (std::size_t i = 0; i < eta.size(); ++i) eta[i] -= other[i];
        }
        std::vector<T> change;
        if (plan.table != nullptr) {
            change.resize(eta.size());
            for (Index k = 0; k < classes; ++k)
                for (Index i = 0; i < count; ++i) {
                    double& kept = (*plan.table)[k * rows + drawn.rows[i]];
                    const T now = eta[k * count + i], moved = now - static_cast<T>(kept);
                    kept = static_cast<double>(now);
                    eta[k * count + i] = moved;
                    change[k * count + i] = moved;
                }
        }
        for (Index k = 0; k < classes; ++k)
            for (Index i = 0; i < count; ++i)
                eta[k * count + i] = static_cast<T>(static_cast<double>(eta[k * count + i]) * drawn.factor[i]);
        transposed(some, eta, direction);
        if (plan.average == nullptr) return;
        for (std::size_t j = 0; j < direction.size(); ++j) direction[j] += (*plan.average)[j];
        if (plan.table == nullptr) return;
        std::vector<double> sum;
        transposed(some, change, sum);
        for (std::size_t j = 0; j < sum.size(); ++j) (*plan.average)[j] += sum[j] / weight_sum;
    }

    void ask_for(const RowBatch& drawn) const override {
        if (static_cast<double>(drawn.rows.size()) * row_length > 32768) return;  // it would not stay in cache
        for (const Index i : drawn.rows) {
            scalar_.x.ask_for_row(i);
            __builtin_prefetch(&scalar_.y[i]);
            if (scalar_.weight) __builtin_prefetch(&scalar_.weight[i]);
        }
    }

    double largest_eigenvalue() override {
        const Index sample = std::max<Index>(4096, 20 * (cols + 1));
        if (rows > 2 * sample) {
            const std::vector<Index> chosen = spread_rows(rows, sample);
            const auto copy = scalar_.x.copy_rows(chosen);
            const std::vector<T> weight = take(scalar_.weight, chosen);
            const double found = power_iteration(copy.matrix(), weight);
            if (std::isfinite(found)) return 1.1 * found;
        }
        std::vector<T> weight;
        if (scalar_.weight)
            for (Index i = 0; i < rows; ++i) weight.push_back(scalar_.weight[i]);
        return 1.02 * power_iteration(scalar_.x, weight);
    }

    std::vector<double> row_sizes() const override {
        std::vector<double> metric(cols), shift(cols), sizes(rows);
        double base = 1;
        for (Index j = 0; j < cols; ++j) {
            metric[j] = at.scale[j] * at.scale[j];
            shift[j] = 2 * metric[j] * at.mean[j];
            base += metric[j] * at.mean[j] * at.mean[j];
        }
        parallel_tasks((rows + max_block_rows - 1) / max_block_rows, threads_, [&](Index task) {
            const Index begin = task * max_block_rows, end = std::min(rows, begin + max_block_rows);
            for (Index i = begin; i < end; ++i) {
                const double w = scalar_.weight ? static_cast<double>(scalar_.weight[i]) : 1.0;
                sizes[i] = w * std::max(1.0, base + scalar_.x.row_form(i, metric.data(), shift.data()));
            }
        });
        return sizes;
    }

private:
    ClassRows<Matrix> class_rows() const { return {scalar_.x, scalar_.y, scalar_.weight, classes}; }

    // Becomes w times the derivative of the loss by eta, class by class with `count` elements each.
    void derivatives(const SmoothRows<Matrix>& part, Index begin, Index count, const std::vector<T>& v,
                     const std::vector<double>& intercept, T* eta) const {
        for (Index k = 0; k < classes; ++k)
            for (Index i = 0; i < count; ++i)
                eta[k * count + i] = static_cast<T>(intercept[k]) + (part.offset ? part.offset[begin + i] : T(0));
        if (classes > 1) {
            part.x.times_many(begin, count, v.data(), classes, eta, count);
            multinomial_block<T>(count, classes, part.y.slice(begin, count), part.weight.slice(begin, count), eta,
                                 count);
        } else {
            part.x.times(begin, count, v.data(), eta);
            part.block({count, part.y.slice(begin, count), part.weight.slice(begin, count), eta, nullptr,
                        part.parameter, part.user});
        }
    }
    void derivatives_in_blocks(const SmoothRows<Matrix>& part, const std::vector<T>& v,
                               const std::vector<double>& intercept, std::vector<T>& eta) const {
        const Index count = part.x.rows();
        if (count <= max_block_rows) return derivatives(part, 0, count, v, intercept, eta.data());
        std::vector<T> some(static_cast<std::size_t>(classes * max_block_rows));
        for (Index begin = 0; begin < count; begin += max_block_rows) {
            const Index size = std::min(max_block_rows, count - begin);
            derivatives(part, begin, size, v, intercept, some.data());
            for (Index k = 0; k < classes; ++k)
                std::copy_n(some.data() + k * size, size, eta.data() + k * count + begin);
        }
    }
    void transposed(const Matrix& some, const std::vector<T>& r, std::vector<double>& out) const {
        const Index count = some.rows();
        out.assign(static_cast<std::size_t>(classes * (cols + 1)), 0.0);
        for (Index k = 0; k < classes; ++k) {
            double* g = out.data() + k * (cols + 1);
            for (Index i = 0; i < count; ++i) g[cols] += static_cast<double>(r[k * count + i]);
            for (Index begin = 0; begin < count; begin += max_block_rows) {
                const Index size = std::min(max_block_rows, count - begin);
                some.transposed_times(begin, size, r.data() + k * count + begin, g);
            }
        }
        scale_gradient(out);
    }

    double power_iteration(const Matrix& x, const std::vector<T>& weight) const {
        const Index n = x.rows();
        const std::vector<T> zero(static_cast<std::size_t>(n), T(0));
        const SmoothRows<Matrix> squares{x,  {zero.data(), n, 1},     {weight.empty() ? nullptr : weight.data(), n, 1},
                                         {}, find_loss<T>("squared"), T(0)};
        std::vector<double> v(cols), b(cols);
        for (Index j = 0; j < cols; ++j) v[j] = at.scale[j] > 0 ? 1.0 + 0.1 * static_cast<double>(j % 7) : 0.0;
        double largest = at.intercept ? 1.0 : 0.0;
        for (int iteration = 0; iteration < 40; ++iteration) {
            double norm = 0, shift = 0;
            for (double e : v) norm += e * e;
            norm = std::sqrt(norm);
            if (!(norm > 0)) break;
            for (Index j = 0; j < cols; ++j) {
                b[j] = at.scale[j] * (v[j] / norm);
                shift += at.mean[j] * b[j];
            }
            const PassSums pass = smooth_pass(squares, b.data(), -shift, static_cast<T*>(nullptr), threads_);
            double size = 0;
            for (Index j = 0; j < cols; ++j) {
                v[j] = at.scale[j] * (pass.gradient[j] - at.mean[j] * pass.intercept_gradient);
                size += v[j] * v[j];
            }
            size = std::sqrt(size);
            const bool settled = std::abs(size - largest) < 5e-3 * size;
            largest = std::isnan(size) ? size : std::max(largest, size);
            if (settled || !std::isfinite(size)) break;
        }
        return largest > 0 || std::isnan(largest) ? largest : 1.0;
    }

    // Targets so small that their squares are lost: zero would pass for the best model.
    bool squares_vanish() const {
        bool any = false;
        for (Index i = 0; i < rows; ++i) {
            const double base = scalar_.offset ? static_cast<double>(scalar_.offset[i]) : 0.0;
            const double size = std::abs(static_cast<double>(scalar_.y[i]) - base);
            if (!(size < 1e-140)) return false;
            any = any || size > 0;
        }
        return any;
    }

    void measure(const DescentLoss& loss) {
        const NullModel null = null_model(scalar_, loss.name, at.intercept, threads_);
        null_start.assign(1, null.intercept);
        residual = null.residual;
        usable = !squares_vanish();
        is_smooth = loss.smooth;
        if (!is_smooth) return measure_spread(loss.name == "hinge" ? 0.0 : null.intercept);
        for (const LossBound& bound : loss_bounds)
            if (loss.name == bound.name) {
                curvature = bound.curvature;
                spread = residual / curvature;
                return;
            }
        const double h = 1e-3 * std::max(std::abs(null.intercept), 1e-3);
        const double rise = null_sums(scalar_, null.intercept + h, false, threads_).gradient -
                            null_sums(scalar_, null.intercept - h, false, threads_).gradient;
        if (!(rise > 0)) return measure_spread(null.intercept);
        curvature = rise / (2 * h);
        spread = residual / curvature;
    }

    // Root mean square of y about a constant: the length of eta that matters, where no curvature tells it.
    void measure_spread(double centre) {
        SmoothRows<Matrix> squares = scalar_;
        squares.block = find_loss<T>("squared");
        const double deviation = std::sqrt(null_sums(squares, centre, false, threads_).square);
        usable = usable && std::isfinite(deviation);
        spread = deviation > 0 ? deviation : 1.0;
    }

    void measure_classes() {
        std::vector<double> share(static_cast<std::size_t>(classes), 0.0);
        for (Index i = 0; i < rows; ++i) {
            const double code = static_cast<double>(scalar_.y[i]);
            if (!(code >= 0 && code < static_cast<double>(classes))) {
                usable = false;
                continue;
            }
            share[static_cast<std::size_t>(code)] += scalar_.weight ? static_cast<double>(scalar_.weight[i]) : 1.0;
        }
        double mean_log = 0, most = 0;
        for (double& s : share) {
            s = std::max(s / weight_sum, 1e-6);
            mean_log += std::log(s) / static_cast<double>(classes);
            most = std::max(most, s * (1 - s));
        }
        null_start.assign(share.size(), 0.0);
        if (at.intercept)
            for (std::size_t k = 0; k < share.size(); ++k) null_start[k] = std::log(share[k]) - mean_log;
        residual = std::sqrt(most);
        curvature = 0.5;
        spread = residual / curvature;
    }

    SmoothRows<Matrix> scalar_;
    int threads_;
    std::vector<double> coef_, intercept_;
};

}  // namespace

template <class Matrix>
std::unique_ptr<DescentProblem> descent_problem(const Matrix& x, VectorView<const typename Matrix::value_type> y,
                                                VectorView<const typename Matrix::value_type> weight,
                                                VectorView<const typename Matrix::value_type> offset,
                                                const DescentLoss& loss, bool fit_intercept, int threads) {
    return std::make_unique<RowProblem<Matrix>>(x, y, weight, offset, loss, fit_intercept, threads);
}

#define MLCRAFT_DESCENT(M)                                                                                           \
    template std::unique_ptr<DescentProblem> descent_problem<M>(                                                     \
        const M&, VectorView<const M::value_type>, VectorView<const M::value_type>, VectorView<const M::value_type>, \
        const DescentLoss&, bool, int);
MLCRAFT_DESCENT(DenseMatrix<double>)
MLCRAFT_DESCENT(DenseMatrix<float>)
using DescentCsr64 = CsrMatrix<double, std::int32_t>;
using DescentCsr32 = CsrMatrix<float, std::int32_t>;
using DescentLongCsr64 = CsrMatrix<double, std::int64_t>;
using DescentLongCsr32 = CsrMatrix<float, std::int64_t>;
MLCRAFT_DESCENT(DescentCsr64)
MLCRAFT_DESCENT(DescentCsr32)
MLCRAFT_DESCENT(DescentLongCsr64)
MLCRAFT_DESCENT(DescentLongCsr32)
#undef MLCRAFT_DESCENT

}  // namespace mlcraft
