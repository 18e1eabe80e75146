#include "mlcraft/solver/box_interior_point.hpp"

#include "mlcraft/matrix/csr.hpp"
#include "mlcraft/matrix/dense.hpp"
#include "mlcraft/moments/cholesky.hpp"
#include "mlcraft/moments/moments.hpp"

namespace mlcraft {
namespace {

// The lower triangle of X' diag(w) X into the leading part of G, which has `ld` columns. False when interrupted.
bool weighted_gram(const DenseMatrix<double>& x, const double* w, double* G, Index ld, int threads) {
    const double one = 1;
    const Index n = x.rows(), p = x.cols();
    const Moments m = dense_moments<double, double>(x.view(), {&one, n, 1, 0, 0}, {w, n, 1}, false, threads);
    for (Index i = 0; i < p; ++i) std::copy(m.xx.data() + i * p, m.xx.data() + i * p + i + 1, G + i * ld);
    return !m.interrupted;
}

template <class I>
bool weighted_gram(const CsrMatrix<double, I>& x, const double* w, double* G, Index ld, int threads) {
    constexpr Index rows_per_task = 16;  // threads own rows of the result
    const Index p = x.cols();
    std::vector<double> upper(static_cast<std::size_t>(p * p), 0.0);
    parallel_tasks((p + rows_per_task - 1) / rows_per_task, threads, [&](Index task) {
        x.gram(0, x.rows(), w, task * rows_per_task, std::min(p, (task + 1) * rows_per_task), upper.data());
    });
    for (Index i = 0; i < p; ++i)
        for (Index j = 0; j <= i; ++j) G[i * ld + j] = upper[j * p + i];
    return true;
}

// R + Z' Theta Z and its factor; theta of the columns with an L1 penalty stands behind that of the rows.
template <class Matrix>
class NewtonMatrix {
public:
    NewtonMatrix(const BoxDual<Matrix>& problem, int threads)
        : problem_(problem),
          threads_(box_threads(stored_elements(problem.x) * static_cast<double>(problem.width()), threads)),
          size_(problem.width()), matrix_(static_cast<std::size_t>(size_ * size_)), lower_(matrix_.size()) {}

    bool factorise(const std::vector<double>& theta) {
        const Index p = problem_.x.cols();
        std::fill(matrix_.begin(), matrix_.end(), 0.0);
        interrupted_ = !weighted_gram(problem_.x, theta.data(), matrix_.data(), size_, threads_);
        if (interrupted_) return false;
        if (problem_.bias > 0) {
            const std::vector<double> last = box_transposed_times(problem_, theta.data(), threads_);
            for (Index j = 0; j <= p; ++j) matrix_[p * size_ + j] = problem_.bias * last[j];
        }
        for (Index j = 0; j < size_; ++j) {
            matrix_[j * size_ + j] += problem_.ridge_of(j);
            if (problem_.l1 != nullptr) matrix_[j * size_ + j] += theta[problem_.x.rows() + j];
            if (matrix_[j * size_ + j] == 0) matrix_[j * size_ + j] = 1;  // a column of zeros without a penalty
        }
        for (double lift = 0; lift < 1e-6; lift = lift > 0 ? 100 * lift : 1e-15) {
            lower_ = matrix_;
            for (Index j = 0; j < size_; ++j) lower_[j * size_ + j] *= 1 + lift;
            if (cholesky(lower_.data(), size_, 0.0, threads_)) return true;
        }
        return false;
    }

    bool interrupted() const { return interrupted_; }

    // The solution, refined once.
    std::vector<double> solve(const std::vector<double>& right) const {
        std::vector<double> found = right, rest = right;
        back(found.data());
        for (Index i = 0; i < size_; ++i)
            for (Index j = 0; j <= i; ++j) {
                rest[i] -= matrix_[i * size_ + j] * found[j];
                if (j < i) rest[j] -= matrix_[i * size_ + j] * found[i];
            }
        back(rest.data());
        for (Index i = 0; i < size_; ++i) found[i] += rest[i];
        return found;
    }

private:
    void back(double* b) const {
        solve_lower(lower_.data(), size_, b);
        solve_lower_transposed(lower_.data(), size_, b);
    }

    const BoxDual<Matrix>& problem_;
    const int threads_;
    const Index size_;
    std::vector<double> matrix_, lower_;
    bool interrupted_ = false;
};

// A part of b_i and what belongs to it.
struct BoxPart {
    double s, t, p, q;              // distances to the bounds, multipliers
    double s_target, t_target;      // what s p and t q are to become, less the product of their changes
    double ds = 0, dp = 0, dq = 0;  // the direction; that of t is -ds
    double theta = 0, rho = 0;
};

template <class Matrix>
class BoxInteriorPoint {
public:
    BoxInteriorPoint(const BoxDual<Matrix>& problem, const BoxOptions& options, const std::vector<double>& near)
        : p_(problem), options_(options), near_(near), n_(problem.x.rows()), sides_(problem.epsilon > 0 ? 2 : 1),
          end_(n_ + (problem.l1 != nullptr ? problem.width() : 0)),
          parts_(static_cast<std::size_t>(n_ * sides_ + end_ - n_)), eta_(end_), change_(end_), theta_(end_),
          right_(end_),
          longest_(static_cast<std::size_t>((n_ + problem.x.block_rows() - 1) / problem.x.block_rows() + 1)),
          newton_(problem, options.threads) {}

    BoxSolution run() {
        start();
        Index slow = 0;
        double before = INFINITY;
        while (!finished() && solution_.iterations < options_.max_iter) {
            slow = products_ > 0.9 * before ? slow + 1 : 0;
            before = products_;
            const bool moved = slow <= 8 && step();
            if (interrupt_.poll() || newton_.interrupted()) {
                solution_.status = Status::interrupted;
                return solution_;
            }
            ++solution_.iterations;
            if (!moved) {
                solution_.status = Status::stalled;
                break;
            }
            if (options_.callback && options_.callback(solution_.iterations, objective_, gap_)) {
                solution_.status = Status::interrupted;
                break;
            }
        }
        if (solution_.status == Status::converged || solution_.status == Status::not_finite) return solution_;
        settle(solution_.status);
        best_.iterations = solution_.iterations;
        best_.status = solution_.status;
        return best_;
    }

private:
    // An L1 penalty is a row more: its z is the unit vector of the column, its y zero, its box from -l to l.
    bool is_row(Index i) const { return i < n_; }
    Index sides(Index i) const { return is_row(i) ? sides_ : 1; }
    BoxPart& part(Index i, Index side) { return parts_[is_row(i) ? i * sides_ + side : n_ * (sides_ - 1) + i]; }
    double lower(Index i, Index side) const {
        return !is_row(i) ? -p_.l1[i - n_] : sides_ == 2 && side == 0 ? 0.0 : p_.lower[i];
    }
    double upper(Index i, Index side) const {
        return !is_row(i) ? p_.l1[i - n_] : sides_ == 2 && side == 1 ? 0.0 : p_.upper[i];
    }
    double cost(Index i, Index side) const {
        if (!is_row(i)) return 0;
        return -p_.y[i] + (sides_ == 1 ? 0.0 : side == 0 ? p_.epsilon : -p_.epsilon);
    }
    double dual(Index i) {
        double b = 0;
        for (Index side = 0; side < sides(i); ++side) {
            const BoxPart& of = part(i, side);
            b += of.s < of.t ? lower(i, side) + of.s : upper(i, side) - of.t;
        }
        return b;
    }
    template <class Body>
    void each_part(Index i, Body&& body) {
        for (Index side = 0; side < sides(i); ++side)
            if (lower(i, side) < upper(i, side)) body(part(i, side), side);
    }
    // The columns' parts behind the rows' in blocks.
    template <class Body>
    std::vector<double> sum_parts(Index sums, Body&& body) {
        std::vector<double> found = box_sums(p_.x, sums, options_.threads, body);
        if (n_ < end_) body(n_, end_ - n_, found.data());
        return found;
    }

    // b in the middle of the boxes but w = 0, or near the solution, so that neither is far off however many rows there
    // are; the multipliers such that their products with the distances are of one size.
    void start() {
        solution_.dual.resize(n_);
        for (Index i = 0; i < n_; ++i) solution_.dual[i] = (p_.lower[i] + p_.upper[i]) / 2;
        solution_.coef = near_;
        solution_.coef.resize(p_.width(), 0.0);
        certify_box(p_, solution_, eta_.data(), rest_, options_.threads);
        std::copy_n(solution_.coef.begin(), end_ - n_, eta_.begin() + n_);
        double total = 0, count = 0;
        for (Index i = 0; i < end_; ++i)
            each_part(i, [&](BoxPart& part, Index side) {
                const double width = upper(i, side) - lower(i, side);
                part.s = part.t = width / 2;
                total += std::abs(eta_[i] + cost(i, side)) * width;
                count += 1;
            });
        number_ = 2 * count;
        const double product = std::max(0.1 * total / std::max(count, 1.0), 1e-300);
        for (Index i = 0; i < end_; ++i)
            each_part(i, [&](BoxPart& part, Index side) {
                const double g = eta_[i] + cost(i, side);
                part.p = std::max(g, 0.0) + product / part.s;
                part.q = std::max(-g, 0.0) + product / part.t;
            });
        advance(0);
    }

    // Follows the direction and measures where it leads.
    void advance(double length) {
        if (length > 0)
            for (std::size_t j = 0; j < rest_.size(); ++j) {
                solution_.coef[j] += length * direction_[j];
                rest_[j] *= 1 - length;
            }
        const std::vector<double> sums = sum_parts(3, [&](Index begin, Index count, double* out) {
            for (Index i = begin; i < begin + count; ++i) {
                eta_[i] += length * change_[i];
                each_part(i, [&](BoxPart& part, Index) {
                    part.s += length * part.ds;
                    part.t -= length * part.ds;
                    part.p += length * part.dp;
                    part.q += length * part.dq;
                    out[2] += part.s * part.p + part.t * part.q;
                });
                const double b = dual(i), r = (is_row(i) ? p_.y[i] : 0.0) - eta_[i];
                const double loss = is_row(i) ? p_.loss(i, r) : p_.l1[i - n_] * std::abs(r);
                out[0] += loss;
                out[1] += loss - (b * r - (is_row(i) ? p_.epsilon : 0.0) * std::abs(b));
            }
        });
        objective_ = sums[0];
        gap_ = sums[1];
        for (Index j = 0; j < p_.width(); ++j) {
            const double R = p_.ridge_of(j), w = solution_.coef[j];
            objective_ += R * w * w / 2;
            gap_ += R > 0 ? rest_[j] * rest_[j] / (2 * R) : std::abs(w * rest_[j]);
        }
        products_ = sums[2];
    }

    // The certificate of the present point; the best such point is what is returned.
    void settle(Status status) {
        for (Index i = 0; i < n_; ++i) solution_.dual[i] = dual(i);
        solution_.status = status;
        certify_box(p_, solution_, eta_.data(), rest_, options_.threads);
        for (Index i = n_; i < end_; ++i) {
            eta_[i] = solution_.coef[i - n_];
            rest_[i - n_] += dual(i);
        }
        if (best_.dual.empty() || solution_.gap < best_.gap) best_ = solution_;
    }

    double enough() const { return std::max(options_.tol * objective_, options_.enough); }

    bool finished() {
        if (std::isfinite(objective_) && gap_ > enough()) return false;
        settle(Status::max_iter);
        if (solution_.status == Status::not_finite) return true;
        gap_ = solution_.gap;
        objective_ = solution_.objective;
        if (gap_ > enough()) return false;
        solution_.status = Status::converged;
        return true;
    }

    // The right-hand side of a direction towards s p = t q = target, with the products of changes of the last one.
    void aim(double target, bool corrected) {
        sum_parts(0, [&](Index begin, Index count, double*) {
            for (Index i = begin; i < begin + count; ++i) {
                theta_[i] = right_[i] = 0;
                each_part(i, [&](BoxPart& part, Index side) {
                    part.s_target = target - (corrected ? part.ds * part.dp : 0.0);
                    part.t_target = target + (corrected ? part.ds * part.dq : 0.0);
                    part.theta = 1 / (part.p / part.s + part.q / part.t);
                    part.rho = part.s_target / part.s - part.t_target / part.t - (eta_[i] + cost(i, side));
                    theta_[i] += part.theta;
                    right_[i] += part.theta * part.rho;
                });
            }
        });
    }

    // The direction, and the sums from which the products along it follow. Returns how far it can be followed.
    double find_direction(double& linear, double& quadratic) {
        std::vector<double> right = box_transposed_times(p_, right_.data(), options_.threads);
        for (std::size_t j = 0; j < right.size(); ++j) right[j] += rest_[j];
        for (Index i = n_; i < end_; ++i) right[i - n_] += right_[i];
        direction_ = newton_.solve(right);
        const double offset = p_.bias > 0 ? p_.bias * direction_.back() : 0.0;
        const std::vector<double> sums = sum_parts(2, [&](Index begin, Index count, double* out) {
            if (is_row(begin)) {
                std::fill(change_.begin() + begin, change_.begin() + begin + count, offset);
                p_.x.times(begin, count, direction_.data(), change_.data() + begin);
            } else {
                std::copy_n(direction_.begin(), count, change_.begin() + begin);
            }
            double nearest = 0;  // the largest relative loss of a positive quantity
            for (Index i = begin; i < begin + count; ++i)
                each_part(i, [&](BoxPart& part, Index) {
                    part.ds = part.theta * (part.rho - change_[i]);
                    part.dp = (part.s_target - part.p * part.ds) / part.s - part.p;
                    part.dq = (part.t_target + part.q * part.ds) / part.t - part.q;
                    nearest =
                        std::max({nearest, -part.ds / part.s, part.ds / part.t, -part.dp / part.p, -part.dq / part.q});
                    out[0] += part.s * part.dp + part.p * part.ds + part.t * part.dq - part.q * part.ds;
                    out[1] += part.ds * (part.dp - part.dq);
                });
            longest_[is_row(begin) ? begin / p_.x.block_rows() : longest_.size() - 1] = nearest;
        });
        linear = sums[0];
        quadratic = sums[1];
        double nearest = 0;
        for (double v : longest_) nearest = std::max(nearest, v);
        return nearest > 1 ? 1 / nearest : 1.0;
    }

    bool step() {
        aim(0, false);
        if (!newton_.factorise(theta_)) return false;
        double linear = 0, quadratic = 0;
        const double reach = find_direction(linear, quadratic);
        const double left = std::max(products_ + reach * (linear + reach * quadratic), 0.0) / products_;
        aim(left * left * left * products_ / number_, true);
        const double length = std::min(1.0, 0.995 * find_direction(linear, quadratic));
        if (!(length > 1e-10)) return false;
        advance(length);
        return std::isfinite(products_);
    }

    const BoxDual<Matrix>& p_;
    const BoxOptions& options_;
    const std::vector<double>& near_;
    const Index n_, sides_, end_;
    std::vector<BoxPart> parts_;
    std::vector<double> eta_, change_, theta_, right_, longest_, direction_;
    std::vector<double> rest_;  // Z'b - R w, with the columns' b
    NewtonMatrix<Matrix> newton_;
    double number_ = 0, objective_ = 0, gap_ = 0, products_ = 0;
    BoxSolution solution_, best_;
    InterruptPoll interrupt_;
};

}  // namespace

template <class Matrix>
BoxSolution box_interior_point(const BoxDual<Matrix>& problem, const BoxOptions& options,
                               const std::vector<double>& near) {
    return BoxInteriorPoint<Matrix>(problem, options, near).run();
}

#define MLCRAFT_BOX_INTERIOR_POINT(...)                                                                  \
    template BoxSolution box_interior_point<__VA_ARGS__>(const BoxDual<__VA_ARGS__>&, const BoxOptions&, \
                                                         const std::vector<double>&);
MLCRAFT_BOX_INTERIOR_POINT(DenseMatrix<double>)
MLCRAFT_BOX_INTERIOR_POINT(CsrMatrix<double, std::int32_t>)
MLCRAFT_BOX_INTERIOR_POINT(CsrMatrix<double, std::int64_t>)
#undef MLCRAFT_BOX_INTERIOR_POINT

}  // namespace mlcraft
