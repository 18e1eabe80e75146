#include "mlcraft/solver/box_rounds.hpp"

#include "mlcraft/matrix/csr.hpp"
#include "mlcraft/matrix/dense.hpp"
#include "mlcraft/solver/box_interior_point.hpp"

namespace mlcraft {
namespace {

constexpr int most_rounds = 4;

// A problem of some rows, their boxes `times` as wide.
template <class Matrix>
class SomeRows {
public:
    SomeRows(const BoxDual<Matrix>& problem, const std::vector<Index>& rows, double times, const double* fixed)
        : copy_(problem.x.copy_rows(rows)), x_(copy_.matrix()), y_(rows.size()), lower_(rows.size()),
          upper_(rows.size()), whole_(problem), fixed_(fixed) {
        for (std::size_t k = 0; k < rows.size(); ++k) {
            y_[k] = problem.y[rows[k]];
            lower_[k] = times * problem.lower[rows[k]];
            upper_[k] = times * problem.upper[rows[k]];
        }
    }
    BoxDual<Matrix> problem() const {
        const auto n = static_cast<Index>(y_.size());
        return {x_,
                {y_.data(), n, 1},
                {lower_.data(), n, 1},
                {upper_.data(), n, 1},
                whole_.epsilon,
                whole_.bias,
                fixed_,
                whole_.ridge,
                whole_.l1};
    }

private:
    typename Matrix::RowCopy copy_;
    Matrix x_;
    std::vector<double> y_, lower_, upper_;
    const BoxDual<Matrix>& whole_;
    const double* fixed_;
};

template <class Matrix>
class BoxRounds {
public:
    BoxRounds(const BoxDual<Matrix>& problem, const BoxOptions& options, Index sample)
        : p_(problem), options_(options), n_(problem.x.rows()), sample_(sample), eta_(n_), distance_(n_), fixed_(n_),
          open_(n_, 0) {}

    BoxSolution run() {
        if (!begin()) return all_;
        const double share = 3 * std::sqrt(static_cast<double>(p_.width()) / static_cast<double>(sample_));
        auto band = static_cast<Index>(share * static_cast<double>(n_));
        for (int round = 0; round < most_rounds && 3 * band < 2 * n_; ++round) {
            solve(band);
            if (all_.status != Status::max_iter || all_.iterations >= options_.max_iter) return all_;
            band = std::max({band / 4, 20 * p_.width(), 4 * reopen()});
        }
        BoxOptions rest = options_;
        rest.max_iter = options_.max_iter - all_.iterations;
        count_on(rest);
        BoxSolution found = box_interior_point(p_, rest);
        found.iterations += all_.iterations;
        return found;
    }

private:
    // w from a sample. False when that was interrupted.
    bool begin() {
        std::vector<Index> rows;
        const Index step = n_ / sample_;
        for (Index i = 0; i < n_; i += step) rows.push_back(i);
        const SomeRows<Matrix> some(p_, rows, static_cast<double>(step), nullptr);
        BoxOptions loose = options_;
        loose.tol = std::max(1e-3, options_.tol);
        if (options_.callback)  // what the sample says of objective and gap is not of all rows
            loose.callback = [&](Index iteration, double, double) {
                return options_.callback(iteration, INFINITY, INFINITY);
            };
        all_ = box_by_rounds(some.problem(), loose);
        all_.dual.assign(n_, 0.0);
        const bool ended = all_.status == Status::interrupted;
        all_.status = Status::max_iter;
        certify_box(p_, all_, eta_.data(), away_, options_.threads);  // for eta and P: nothing is known of b yet
        if (ended) all_.status = Status::interrupted;
        return all_.status == Status::max_iter && all_.iterations < options_.max_iter;
    }

    // Solves for the `band` rows nearest to a kink and those that are open, and certifies the whole.
    void solve(Index band) {
        for (Index i = 0; i < n_; ++i) distance_[i] = std::abs(std::abs(p_.y[i] - eta_[i]) - p_.epsilon);
        std::vector<double> sorted = distance_;
        std::nth_element(sorted.begin(), sorted.begin() + band, sorted.end());
        std::vector<Index> rows;
        for (Index i = 0; i < n_; ++i) {
            open_[i] = open_[i] || distance_[i] <= sorted[static_cast<std::size_t>(band)];
            if (open_[i]) rows.push_back(i);
            all_.dual[i] = fixed_[i] = open_[i] ? 0.0 : p_.best(i, p_.y[i] - eta_[i]);
        }
        const std::vector<double> settled = box_transposed_times(p_, fixed_.data(), options_.threads);
        const SomeRows<Matrix> some(p_, rows, 1.0, settled.data());
        BoxOptions inner = options_;
        inner.tol = 0;
        inner.enough = 0.3 * options_.tol * all_.objective;
        inner.max_iter = options_.max_iter - all_.iterations;
        count_on(inner);
        const BoxSolution found = box_interior_point(some.problem(), inner, all_.coef);
        all_.iterations += found.iterations;
        all_.coef = found.coef;
        for (std::size_t k = 0; k < found.dual.size(); ++k) all_.dual[rows[k]] = found.dual[k];
        if (found.status == Status::interrupted || found.status == Status::not_finite) all_.status = found.status;
        if (all_.status == Status::not_finite) return;
        certify_box(p_, all_, eta_.data(), away_, options_.threads);
        if (all_.status == Status::max_iter && all_.gap <= options_.tol * all_.objective)
            all_.status = Status::converged;
    }

    // The callback's iterations go on from those so far; the gap of some rows is not that of all.
    void count_on(BoxOptions& options) const {
        if (!options_.callback) return;
        options.callback = [this, so_far = all_.iterations](Index iteration, double objective, double gap) {
            return options_.callback(so_far + iteration, objective, gap);
        };
    }

    // Opens the rows that were settled wrongly, and only those; how many there are.
    Index reopen() {
        Index count = 0;
        for (Index i = 0; i < n_; ++i) {
            open_[i] = !open_[i] && fixed_[i] != p_.best(i, p_.y[i] - eta_[i]);
            count += open_[i];
        }
        return count;
    }

    const BoxDual<Matrix>& p_;
    const BoxOptions& options_;
    const Index n_, sample_;
    std::vector<double> eta_, distance_, fixed_, away_;
    std::vector<char> open_;
    BoxSolution all_;
};

}  // namespace

template <class Matrix>
BoxSolution box_by_rounds(const BoxDual<Matrix>& problem, const BoxOptions& options) {
    const double n = static_cast<double>(problem.x.rows()), width = static_cast<double>(problem.width());
    const auto sample = static_cast<Index>(std::max(40 * width, std::cbrt(n * n * width)));
    if (5 * sample > problem.x.rows()) return box_interior_point(problem, options);
    return BoxRounds<Matrix>(problem, options, sample).run();
}

#define MLCRAFT_BOX_ROUNDS(...) \
    template BoxSolution box_by_rounds<__VA_ARGS__>(const BoxDual<__VA_ARGS__>&, const BoxOptions&);
MLCRAFT_BOX_ROUNDS(DenseMatrix<double>)
MLCRAFT_BOX_ROUNDS(CsrMatrix<double, std::int32_t>)
MLCRAFT_BOX_ROUNDS(CsrMatrix<double, std::int64_t>)
#undef MLCRAFT_BOX_ROUNDS

}  // namespace mlcraft
