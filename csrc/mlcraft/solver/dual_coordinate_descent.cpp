#include "mlcraft/solver/dual_coordinate_descent.hpp"

#include "mlcraft/core/random_bits.hpp"
#include "mlcraft/matrix/csr.hpp"
#include "mlcraft/matrix/dense.hpp"

namespace mlcraft {
namespace {

template <class Matrix>
class DualDescent {
public:
    DualDescent(const BoxDual<Matrix>& problem, const std::vector<double>& start, const BoxOptions& options)
        : p_(problem), options_(options), n_(problem.x.rows()), squares_(n_), eta_(n_) {
        solution_.dual = start;
        solution_.dual.resize(n_, 0.0);
        for (Index i = 0; i < n_; ++i) {
            squares_[i] = p_.x.row_squared_norm(i) + p_.bias * p_.bias;
            if (squares_[i] == 0)  // eta is zero whatever is done: the best element of the box
                solution_.dual[i] = p_.y[i] > p_.epsilon ? p_.upper[i] : p_.y[i] < -p_.epsilon ? p_.lower[i] : 0.0;
            else if (p_.lower[i] < p_.upper[i])
                rows_.push_back(i);
        }
    }

    BoxSolution run() {
        const auto all = static_cast<Index>(rows_.size());
        Index active = all, check = 4;
        double settled = 0.1;  // largest violation, relative to the first, at which the active rows count as solved
        double first = 0, bound = INFINITY;
        for (certify(); !finished(); ++solution_.iterations) {
            if (solution_.iterations >= options_.max_iter) break;
            const double violation = epoch(active, bound);
            if (interrupt_.stopped()) {
                solution_.status = Status::interrupted;
                break;
            }
            if (solution_.iterations == 0) first = violation;
            bound = violation > 0 ? violation : INFINITY;
            const bool solved = violation <= settled * first, last = solution_.iterations + 1 == options_.max_iter;
            if (!solved && !last && solution_.iterations < check) continue;
            check = solution_.iterations + std::max<Index>(4, solution_.iterations / 4);
            certify();
            if (options_.callback && options_.callback(solution_.iterations + 1, solution_.objective, solution_.gap)) {
                solution_.status = Status::interrupted;
                break;
            }
            if (!solved) continue;
            if (violation <= 1e-15 * first && active == all && solution_.gap > options_.tol * solution_.objective) {
                solution_.status = Status::stalled;
                break;
            }
            settled = std::max(settled * 0.1, 1e-15);
            active = all;
            bound = INFINITY;
        }
        return solution_;
    }

private:
    // With w made from b anew.
    void certify() {
        solution_.coef = box_transposed_times(p_, solution_.dual.data(), options_.threads);
        certify_box(p_, solution_, eta_.data(), away_, options_.threads);
        certified_ = true;
    }

    bool finished() {
        if (solution_.status == Status::not_finite) return true;
        if (!certified_ || solution_.gap > options_.tol * solution_.objective) return false;
        solution_.status = Status::converged;
        return true;
    }

    // One step for each active row in random order; the largest violation of optimality met.
    double epoch(Index& active, double bound) {
        const auto turn = static_cast<std::uint64_t>(solution_.iterations) << 32;
        std::uint64_t drawn = 0;
        certified_ = false;
        double largest = 0;
        for (Index k = 0; k < active; ++k) {
            if ((k & 63) == 0 && interrupt_.poll()) break;
            const auto left = static_cast<std::uint64_t>(active - k);
            const auto draw = random_bits(options_.seed, turn + drawn++) >> 32;
            std::swap(rows_[k], rows_[k + static_cast<Index>((draw * left) >> 32)]);
            const Index i = rows_[k];
            double& w0 = solution_.coef.back();
            const double square = squares_[i], b = solution_.dual[i], lower = p_.lower[i], upper = p_.upper[i];
            const double gradient =
                p_.x.row_dot(i, solution_.coef.data()) + (p_.bias > 0 ? p_.bias * w0 : 0.0) - p_.y[i];
            if (outwards(gradient, b, lower, upper, bound)) {
                std::swap(rows_[k--], rows_[--active]);
                continue;
            }
            // the minimum over the box of square d^2 / 2 + gradient d + epsilon |b + d|
            const double free = b - gradient / square, kink = p_.epsilon / square;
            const double best = std::clamp(free > kink ? free - kink : free < -kink ? free + kink : 0.0, lower, upper);
            const double step = best - b;
            if (step == 0) continue;
            largest = std::max(largest, std::abs(step) * square);
            solution_.dual[i] = best;
            p_.x.row_axpy(i, step, solution_.coef.data());
            if (p_.bias > 0) w0 += p_.bias * step;
        }
        return largest;
    }

    bool outwards(double gradient, double b, double lower, double upper, double bound) const {
        const double epsilon = p_.epsilon;
        if (b == upper && gradient + (upper > 0 ? epsilon : -epsilon) < -bound) return true;
        if (b == lower && gradient + (lower < 0 ? -epsilon : epsilon) > bound) return true;
        return b == 0 && std::abs(gradient) < epsilon - bound;
    }

    const BoxDual<Matrix>& p_;
    const BoxOptions& options_;
    const Index n_;
    std::vector<double> squares_, eta_, away_;
    bool certified_ = false;   // the gap is that of the present point
    std::vector<Index> rows_;  // the active ones first
    BoxSolution solution_;
    InterruptPoll interrupt_;
};

}  // namespace

template <class Matrix>
BoxSolution dual_coordinate_descent(const BoxDual<Matrix>& problem, const std::vector<double>& start,
                                    const BoxOptions& options) {
    return DualDescent<Matrix>(problem, start, options).run();
}

#define MLCRAFT_DUAL_DESCENT(...)                                                                                      \
    template BoxSolution dual_coordinate_descent<__VA_ARGS__>(const BoxDual<__VA_ARGS__>&, const std::vector<double>&, \
                                                              const BoxOptions&);
MLCRAFT_DUAL_DESCENT(DenseMatrix<double>)
MLCRAFT_DUAL_DESCENT(CsrMatrix<double, std::int32_t>)
MLCRAFT_DUAL_DESCENT(CsrMatrix<double, std::int64_t>)
#undef MLCRAFT_DUAL_DESCENT

}  // namespace mlcraft
