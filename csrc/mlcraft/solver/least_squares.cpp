#include "mlcraft/solver/least_squares.hpp"

#include <algorithm>
#include <cmath>

#include "mlcraft/core/threads.hpp"
#include "mlcraft/moments/cholesky.hpp"
#include "mlcraft/moments/sparse.hpp"
#include "mlcraft/solver/conjugate_gradient.hpp"
#include "mlcraft/solver/dependence.hpp"
#include "mlcraft/solver/nonnegative.hpp"
#include "mlcraft/solver/orthogonal.hpp"
#include "mlcraft/solver/refinement.hpp"
#include "mlcraft/solver/sums_of_squares.hpp"
#include "mlcraft/solver/underflow.hpp"
#include "mlcraft/solver/wide.hpp"

namespace mlcraft {
namespace {

constexpr Index refine_always = 2'000;          // elements up to which refinement costs a microsecond or two
constexpr Index refine_cheaply = 20'000;        // elements up to which it costs microseconds
constexpr double refine_small_from = 1e2;       // condition of the Gram matrix from which it pays where cheap,
constexpr double refine_from = 1e4;             // and for any size
constexpr double orthogonal_from = 1e11;        // condition of the Gram matrix from which it is not trusted
constexpr double single_precision_limit = 1e3;  // condition up to which a Gram matrix in single precision will do
constexpr Index sparse_gram_columns = 1500;     // wider sparse designs go to conjugate gradients

constexpr Index dual_elements = Index(1) << 26;  // a wide sparse design up to here is solved through its rows

// One solve: moments, the scale of the columns, and where the rows can be read again.
class TallProblem {
public:
    TallProblem(const Moments& m, const RowSource* rows, const LeastSquaresOptions& options, LeastSquaresSolution& out)
        : m_(m), rows_(rows), options_(options), out_(out), p_(m.features), k_(m.targets) {
        out_.coef.assign(static_cast<std::size_t>(k_ * p_), 0.0);
        out_.intercept.assign(static_cast<std::size_t>(k_), 0.0);
        find_constant_columns();
    }

    void solve() {
        if (out_.status == Status::not_finite) return;
        if (options_.positive) return solve_positive();
        for_each_penalty(options_, k_,
                         [&](const std::vector<Index>& group, double alpha) { solve_group(group, alpha); });
    }

private:
    // A column counts as constant when its spread is the rounding of its mean. The sums can hide an underflow, so the
    // few suspects are looked at one by one.
    void find_constant_columns() {
        constant_.assign(static_cast<std::size_t>(p_), false);
        std::vector<double> squares(static_cast<std::size_t>(p_));
        for (Index j = 0; j < p_; ++j) {
            const double spread = std::max(0.0, m_.xx[j * p_ + j]);
            const double limit = 8 * eps * m_.x_size[j];
            squares[j] = spread;
            constant_[j] = !(spread > limit * limit * m_.weight_sum && spread > smallest_square);
        }
        if (rows_ != nullptr && squares_underflow(*rows_, squares, m_.x_mean, m_.yy, m_.y_mean))
            out_.status = Status::not_finite;
    }

    // S (xx + alpha I) S with unit diagonal, lower triangle; constant columns become rows of the identity.
    std::vector<double> scaled_gram(double alpha) {
        scale_.assign(static_cast<std::size_t>(p_), 0.0);
        for (Index j = 0; j < p_; ++j)
            if (!constant_[j]) scale_[j] = 1.0 / std::sqrt(m_.xx[j * p_ + j] + alpha);
        std::vector<double> g(static_cast<std::size_t>(p_ * p_));
        for (Index i = 0; i < p_; ++i) {
            for (Index j = 0; j < i; ++j) g[i * p_ + j] = m_.xx[i * p_ + j] * scale_[i] * scale_[j];
            g[i * p_ + i] = 1.0;
        }
        return g;
    }

    void solve_group(const std::vector<Index>& group, double alpha) {
        std::vector<double> lower = scaled_gram(alpha);
        double norm = 0;
        std::vector<double> sums(static_cast<std::size_t>(p_), 1.0);
        for (Index i = 0; i < p_; ++i)
            for (Index j = 0; j < i; ++j) {
                sums[i] += std::abs(lower[i * p_ + j]);
                sums[j] += std::abs(lower[i * p_ + j]);
            }
        for (double s : sums) norm = std::max(norm, s);
        Dependence dependence;
        const bool regular = factorise(lower, alpha, dependence);
        const double gram_condition = regular ? 1.0 / reciprocal_condition(lower.data(), p_, norm) : INFINITY;
        if (!(gram_condition < orthogonal_from)) {
            out_.condition = INFINITY;
            if (rows_ == nullptr) {
                out_.status = Status::stalled;
                return;
            }
            return solve_orthogonal(group, alpha);
        }
        const std::vector<double> all_scales = scale_;
        for (Index j : dependence.columns) scale_[j] = 0.0;  // left out until the end
        std::vector<double> b(static_cast<std::size_t>(p_));
        for (Index t : group) {
            for (Index j = 0; j < p_; ++j) b[j] = scale_[j] * m_.xy[j * k_ + t];
            solve_lower(lower.data(), p_, b.data());
            solve_lower_transposed(lower.data(), p_, b.data());
            for (Index j = 0; j < p_; ++j) out_.coef[t * p_ + j] = scale_[j] * b[j];
        }
        intercepts(group);
        const bool refined = rows_ == nullptr || !pays_to_refine(gram_condition) ||
                             refine_group(group, alpha, lower, 1e3 * eps * gram_condition);
        scale_ = all_scales;
        if (!refined) return solve_orthogonal(group, alpha);
        const Index dependent = static_cast<Index>(dependence.columns.size());
        const Index rank = p_ - std::count(constant_.begin(), constant_.end(), true) - dependent;
        out_.condition = dependent > 0 ? INFINITY : std::max(out_.condition, std::sqrt(gram_condition));
        if (dependent > 0) {
            for (Index t : group) project_out(dependence.null_vectors, p_, dependent, out_.coef.data() + t * p_, 1);
            intercepts(group);
            for (Index e = 0; e < dependent; ++e)
                std::copy_n(dependence.rows.data() + e * p_, p_, lower.data() + dependence.columns[e] * p_);
        }
        set_rank(rank);
        keep(std::move(lower), alpha, rank);
    }

    bool pays_to_refine(double gram_condition) const {
        const Index elements = rows_->rows * p_;
        return elements <= refine_always || gram_condition > refine_from ||
               (elements <= refine_cheaply && gram_condition > refine_small_from);
    }

    // Cholesky; where it breaks down for want of a penalty, with the dependent columns set aside.
    bool factorise(std::vector<double>& lower, double alpha, Dependence& dependence) {
        constexpr std::size_t few = 64;  // more dependences are a matter for QR
        const double smallest_pivot = 4 * eps * static_cast<double>(p_);
        if (rows_ == nullptr || alpha > 0) return cholesky(lower.data(), p_, smallest_pivot, options_.threads);
        std::vector<Index> columns;
        if (cholesky(lower.data(), p_, smallest_pivot, options_.threads, &columns)) {
            if (columns.empty()) return true;
            const OrthogonalProblem problem{m_.x_mean.data(), m_.y_mean.data(), scale_.data(), 0.0, options_.threads};
            if (columns.size() <= few && prove_dependence(*rows_, problem, tolerances(), lower, columns, dependence))
                return true;
        }
        dependence = Dependence{};
        lower = scaled_gram(alpha);
        return cholesky(lower.data(), p_, smallest_pivot, options_.threads);
    }

    // What rounding leaves of a unit column that depends on others: that of the sums, and that of centring a large
    // mean.
    std::vector<double> tolerances() const {
        std::vector<double> tolerance(static_cast<std::size_t>(p_));
        const double base = 10 * eps * std::sqrt(static_cast<double>(std::max(rows_->rows, p_)));
        for (Index j = 0; j < p_; ++j)
            tolerance[j] = base + 8 * eps * m_.x_size[j] * std::sqrt(m_.weight_sum) * scale_[j];
        return tolerance;
    }

    void solve_orthogonal(const std::vector<Index>& group, double alpha) {
        out_.method = "qr";
        const OrthogonalProblem problem{m_.x_mean.data(), m_.y_mean.data(), scale_.data(), alpha, options_.threads};
        const Triangle triangle = triangularise(*rows_, problem);
        const MinimumNorm solution = minimum_norm(triangle, scale_.data(), tolerances());
        for (Index t : group) std::copy_n(solution.coef.data() + t * p_, p_, out_.coef.data() + t * p_);
        intercepts(group);
        const Index constants = std::count(constant_.begin(), constant_.end(), true);
        set_rank(solution.rank);
        if (triangle.rows < p_) return;
        std::vector<double> lower = triangle.lower();
        if (solution.rank == p_ - constants) {
            for (Index j = 0; j < p_; ++j)
                if (constant_[j]) lower[j * p_ + j] = 1;
            double norm = 0;
            for (Index j = 0; j < p_; ++j) {
                double sum = 0;
                for (Index i = 0; i < p_; ++i) sum += std::abs(i <= j ? lower[j * p_ + i] : lower[i * p_ + j]);
                norm = std::max(norm, sum);
            }
            const double condition = std::sqrt(1.0 / reciprocal_condition(lower.data(), p_, norm * norm));
            out_.condition = std::max(std::isfinite(out_.condition) ? out_.condition : 1.0, condition);
            refine_group(group, alpha, lower, 1e3 * eps * condition);
        } else {
            out_.condition = INFINITY;
        }
        keep(std::move(lower), alpha, solution.rank);
    }

    bool refine_group(const std::vector<Index>& group, double alpha, const std::vector<double>& lower,
                      double contraction) {
        RefinementProblem problem;
        problem.fit_intercept = m_.centred;
        problem.weight_sum = m_.weight_sum;
        problem.mean = m_.x_mean.data();
        problem.scale = scale_.data();
        problem.factor = lower.data();
        problem.alpha.assign(static_cast<std::size_t>(k_), alpha);
        problem.contraction = std::min(1.0, contraction);
        problem.threads = options_.threads;
        // all targets are refined together; those outside the group are put back
        std::vector<double> coef = out_.coef, centre = m_.y_mean, intercept = out_.intercept;
        if (!refine(*rows_, problem, coef.data(), centre.data(), intercept.data(), &out_.iterations)) return false;
        for (Index t : group) {
            std::copy_n(coef.data() + t * p_, p_, out_.coef.data() + t * p_);
            out_.intercept[t] = intercept[t];
        }
        return true;
    }

    void solve_positive() {
        out_.method = "active_set";
        set_rank(p_);
        for (Index t = 0; t < k_; ++t) {
            std::vector<double> lower = scaled_gram(options_.alpha_of(t)), g(static_cast<std::size_t>(p_ * p_)),
                                h(static_cast<std::size_t>(p_));
            for (Index i = 0; i < p_; ++i) {
                for (Index j = 0; j <= i; ++j) g[i * p_ + j] = g[j * p_ + i] = lower[i * p_ + j];
                if (constant_[i]) g[i * p_ + i] = 0;
                h[i] = scale_[i] * m_.xy[i * k_ + t];
            }
            const NonnegativeSolution s =
                solve_nonnegative(g.data(), h.data(), p_, options_.max_iter, options_.threads);
            for (Index j = 0; j < p_; ++j) out_.coef[t * p_ + j] = scale_[j] * s.coef[j];
            out_.iterations = std::max(out_.iterations, s.iterations);
            if (s.status != Status::converged) out_.status = s.status;
            intercepts({t});
        }
    }

    void intercepts(const std::vector<Index>& group) {
        for (Index t : group) {
            double value = m_.y_mean[t];
            for (Index j = 0; j < p_; ++j) value -= m_.x_mean[j] * out_.coef[t * p_ + j];
            out_.intercept[t] = m_.centred ? value : 0.0;
        }
    }

    // The lowest rank of all penalties.
    void set_rank(Index rank) {
        out_.rank = ranked_ ? std::min(out_.rank, rank) : rank;
        ranked_ = true;
        if (out_.rank < p_ && out_.status == Status::converged) out_.status = Status::rank_deficient;
    }

    void keep(std::vector<double> lower, double alpha, Index rank) {
        out_.factor = Factor{p_, std::move(lower), scale_, m_.x_mean, m_.weight_sum, alpha, false, rank, false};
    }

    const Moments& m_;
    const RowSource* rows_;
    const LeastSquaresOptions& options_;
    LeastSquaresSolution& out_;
    const Index p_, k_;
    std::vector<bool> constant_;
    std::vector<double> scale_;
    bool ranked_ = false;
};

void solve_tall(const Moments& moments, const RowSource* rows, const LeastSquaresOptions& options,
                LeastSquaresSolution& solution) {
    if (moments.interrupted) {
        solution.status = Status::interrupted;
    } else if (!moments.finite || !(moments.weight_sum > 0)) {
        solution.status = Status::not_finite;
    } else {
        TallProblem(moments, rows, options, solution).solve();
        check_finite(solution);
    }
}

}  // namespace

LeastSquaresSolution solve_moments(const Moments& moments, const RowSource* rows, const LeastSquaresOptions& options) {
    LeastSquaresSolution solution;
    solve_tall(moments, rows, options, solution);
    find_sums_of_squares(moments, rows, options, close_in_double, solution);
    if (options.positive) {
        solution.moments = moments;
        solution.moments.samples = std::max(moments.samples, solution.sums.samples);
        solution.moments.log_weight = solution.sums.log_weight;
    }
    return solution;
}

template <class T>
LeastSquaresSolution solve_dense(MatrixView<const T> x, MatrixView<const T> y, VectorView<const T> weight,
                                 const LeastSquaresOptions& options) {
    LeastSquaresSolution solution;
    const DenseMatrix<T> matrix(x);
    const Rows<DenseMatrix<T>> rows(matrix, y, weight);
    if (x.rows <= x.cols && !options.positive) {
        solve_wide(rows, options, solution);
        return solution;
    }
    if constexpr (sizeof(T) == sizeof(float)) {
        // sums in single precision where the conditioning allows it; otherwise once more in double
        const Moments quick = dense_moments<T, T>(x, y, weight, options.fit_intercept, options.threads);
        if (quick.interrupted) {
            solution.status = Status::interrupted;
            return solution;
        }
        if (quick.finite && !options.positive && x.rows * x.cols > refine_cheaply) {
            LeastSquaresOptions unpenalised = options;
            solve_tall(quick, nullptr, unpenalised, solution);
            if (solution.status == Status::converged &&
                solution.condition * solution.condition <= single_precision_limit) {
                find_sums_of_squares(quick, &rows, options, close_in_single, solution);
                return solution;
            }
            solution = LeastSquaresSolution{};
        }
    }
    return solve_moments(dense_moments<T, double>(x, y, weight, options.fit_intercept, options.threads), &rows,
                         options);
}

template <class T, class I>
LeastSquaresSolution solve_sparse(const CsrMatrix<T, I>& x, MatrixView<const T> y, VectorView<const T> weight,
                                  const LeastSquaresOptions& options) {
    LeastSquaresSolution solution;
    if (options.positive || (x.cols() <= sparse_gram_columns && x.rows() > x.cols())) {
        const Rows<CsrMatrix<T, I>> rows(x, y, weight);
        return solve_moments(sparse_moments(x, y, weight, options.fit_intercept, options.threads), &rows, options);
    }
    const Index p = x.cols(), k = y.cols;
    if (x.rows() <= p && x.rows() * p <= dual_elements) {
        const Rows<CsrMatrix<T, I>> rows(x, y, weight);
        solve_wide(rows, options, solution);
        return solution;
    }
    const Moments means = sparse_means(x, y, weight, options.fit_intercept);
    solution.method = "conjugate_gradient";
    solution.coef.assign(static_cast<std::size_t>(k * p), 0.0);
    solution.intercept.assign(static_cast<std::size_t>(k), 0.0);
    solution.rank = std::min(x.rows(), p);
    solution.condition = NAN;
    solution.sums.y_mean = means.y_mean;
    count_weighted_rows(Rows<CsrMatrix<T, I>>(x, y, weight), solution.sums);
    if (!means.finite) {
        solution.status = Status::not_finite;
        return solution;
    }
    const Index limit = options.max_iter > 0 ? options.max_iter : std::max<Index>(2000, 4 * std::min(x.rows(), p));
    for (Index t = 0; t < k; ++t) {
        const double alpha = options.alpha_of(t);
        const auto s = conjugate_gradient(x, y.column(t), weight, means, t, alpha, options.tol, limit, options.threads);
        double value = means.y_mean[t];
        for (Index j = 0; j < p; ++j) {
            solution.coef[t * p + j] = s.coef[j];
            value -= means.x_mean[j] * s.coef[j];
        }
        solution.intercept[t] = options.fit_intercept ? value : 0.0;
        solution.iterations = std::max(solution.iterations, s.iterations);
        solution.sums.total.push_back(s.total);
        solution.sums.residual.push_back(s.residual);
        if (s.status != Status::converged) solution.status = s.status;
    }
    check_finite(solution);
    return solution;
}

template LeastSquaresSolution solve_dense<double>(MatrixView<const double>, MatrixView<const double>,
                                                  VectorView<const double>, const LeastSquaresOptions&);
template LeastSquaresSolution solve_dense<float>(MatrixView<const float>, MatrixView<const float>,
                                                 VectorView<const float>, const LeastSquaresOptions&);
#define MLCRAFT_SPARSE(T, I)                                                                                           \
    template LeastSquaresSolution solve_sparse<T, I>(const CsrMatrix<T, I>&, MatrixView<const T>, VectorView<const T>, \
                                                     const LeastSquaresOptions&);
MLCRAFT_SPARSE(double, std::int32_t)
MLCRAFT_SPARSE(double, std::int64_t)
MLCRAFT_SPARSE(float, std::int32_t)
MLCRAFT_SPARSE(float, std::int64_t)

}  // namespace mlcraft
