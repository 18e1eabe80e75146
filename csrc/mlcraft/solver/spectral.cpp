#include "mlcraft/solver/spectral.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

#include "mlcraft/core/lapack.hpp"
#include "mlcraft/solver/orthogonal.hpp"
#include "mlcraft/solver/sums_of_squares.hpp"

namespace mlcraft {
namespace {

using Doubles = std::vector<double>;

void require_success(int info, const char* routine) {
    if (info != 0)
        throw std::runtime_error(std::string("LAPACK ") + routine + " failed with info = " + std::to_string(info));
}

// Eigenvalues (ascending) and eigenvectors (columns, column-major, in place of the matrix) of a symmetric matrix.
Doubles eigen(Doubles& a, Index p) {
    if (lapack().syevd == nullptr)
        throw std::runtime_error("this problem needs LAPACK: fill the table mlcraft::lapack()");
    char job = 'V', triangle = 'U';
    int n = static_cast<int>(p), query = -1, integers = 0, info = 0;
    Doubles values(static_cast<std::size_t>(p));
    double size = 0;
    lapack().syevd(&job, &triangle, &n, a.data(), &n, values.data(), &size, &query, &integers, &query, &info);
    int lwork = std::max(1, static_cast<int>(size)), liwork = std::max(1, integers);
    Doubles work(static_cast<std::size_t>(lwork));
    std::vector<int> iwork(static_cast<std::size_t>(liwork));
    lapack().syevd(&job, &triangle, &n, a.data(), &n, values.data(), work.data(), &lwork, iwork.data(), &liwork, &info);
    require_success(info, "syevd");
    return values;
}

// With S A S = V diag(values) V': the lower triangle L of L L' = V diag(values) V', by the QR factorisation of
// diag(sqrt(values)) V'.
Doubles triangle_of(const Doubles& values, const Doubles& vectors, Index p) {
    Doubles root(static_cast<std::size_t>(p * p)), tau(static_cast<std::size_t>(p));
    for (Index j = 0; j < p; ++j)
        for (Index i = 0; i < p; ++i) root[j * p + i] = std::sqrt(std::max(0.0, values[i])) * vectors[i * p + j];
    int n = static_cast<int>(p), query = -1, info = 0;
    double size = 0;
    lapack().geqrf(&n, &n, root.data(), &n, tau.data(), &size, &query, &info);
    int lwork = std::max(1, static_cast<int>(size));
    Doubles work(static_cast<std::size_t>(lwork));
    lapack().geqrf(&n, &n, root.data(), &n, tau.data(), work.data(), &lwork, &info);
    require_success(info, "geqrf");
    Doubles lower(static_cast<std::size_t>(p * p), 0.0);
    for (Index j = 0; j < p; ++j)
        for (Index i = 0; i <= j; ++i) lower[j * p + i] = root[i * p + i] < 0 ? -root[j * p + i] : root[j * p + i];
    return lower;
}

class SpectralProblem {
public:
    SpectralProblem(const Moments& m, const Doubles& noise, const LeastSquaresOptions& options)
        : m_(m), noise_(noise), options_(options), p_(m.features), k_(m.targets) {}

    MomentsSolution solve() {
        LeastSquaresSolution& out = found_.solution;
        out.method = "spectral";
        out.rank = p_;
        out.condition = 1;
        out.coef.assign(static_cast<std::size_t>(k_ * p_), 0.0);
        out.intercept.assign(static_cast<std::size_t>(k_), 0.0);
        for_each_penalty(options_, k_,
                         [&](const std::vector<Index>& group, double alpha) { solve_group(group, alpha); });
        if (out.rank < p_) out.status = Status::rank_deficient;
        check_finite(out);
        return std::move(found_);
    }

private:
    // As many directions as there are rows to tell of, and no more.
    Index most_directions(double alpha) const {
        if (alpha > 0 || m_.samples == 0) return p_;
        return std::min(p_, std::max<Index>(0, m_.samples - (m_.centred ? 1 : 0)));
    }

    void solve_group(const std::vector<Index>& group, double alpha) {
        std::vector<Index> active;  // columns that vary
        Doubles scale(static_cast<std::size_t>(p_), 0.0);
        for (Index j = 0; j < p_; ++j)
            if (!is_constant(j)) {
                active.push_back(j);
                scale[j] = 1.0 / std::sqrt(m_.xx[j * p_ + j] + alpha);
            }
        const Index q = static_cast<Index>(active.size());
        Doubles vectors(static_cast<std::size_t>(q * q));
        for (Index a = 0; a < q; ++a)
            for (Index b = 0; b < q; ++b) {
                const Index i = active[a], j = active[b];
                vectors[a * q + b] = a == b ? 1.0 : m_.xx[i * p_ + j] * scale[i] * scale[j];
            }
        Doubles values = q > 0 ? eigen(vectors, q) : Doubles{};
        const double largest = q > 0 ? values[q - 1] : 1.0;
        const Doubles noise = noise_of(vectors, active, largest);
        const double safety = 16 * static_cast<double>(std::max<Index>(q, 8));
        Index null = std::max<Index>(0, q - most_directions(alpha));  // they come first
        while (null < q && !(values[null] > safety * noise[null])) ++null;
        std::fill_n(values.begin(), null, 0.0);
        Doubles null_vectors(vectors.begin(), vectors.begin() + null * q);
        for (Index e = 0; e < null; ++e)
            for (Index a = 0; a < q; ++a) null_vectors[e * q + a] *= scale[active[a]];
        for (Index t : group) {
            Doubles b = particular(t, null, values, vectors, active, scale);
            if (null > 0) project_out(null_vectors, q, null, b.data(), 1);  // of all solutions the one of least norm
            for (Index a = 0; a < q; ++a) found_.solution.coef[t * p_ + active[a]] = b[a];
            set_intercept(t);
        }
        const double gram_condition = null < q ? largest / values[null] : 1.0;
        LeastSquaresSolution& out = found_.solution;
        if (alpha > 0 && null > 0) found_.error = 1;  // the penalty is lost in the noise
        for (Index e = null; e < q; ++e) found_.error = std::max(found_.error, noise[e] / values[e]);
        out.condition = null > 0 ? INFINITY : std::max(out.condition, std::sqrt(gram_condition));
        out.rank = std::min(out.rank, q - null);
        out.factor = Factor{p_,
                            embedded(triangle_of(values, vectors, q), active),
                            std::move(scale),
                            m_.x_mean,
                            m_.weight_sum,
                            alpha,
                            false,
                            q - null,
                            false};
    }

    // Rounding error to expect of each eigenvalue, from that of the columns: v' E v with |E_jj| = noise of column j.
    Doubles noise_of(const Doubles& vectors, const std::vector<Index>& active, double largest) const {
        const Index q = static_cast<Index>(active.size());
        Doubles noise(static_cast<std::size_t>(q), eps * largest);
        for (Index e = 0; e < q; ++e) {
            double sum = 0;
            for (Index a = 0; a < q; ++a) sum += vectors[e * q + a] * vectors[e * q + a] * noise_[active[a]];
            noise[e] = std::max(noise[e], sum);
        }
        return noise;
    }

    bool is_constant(Index j) const {
        const double spread = std::max(0.0, m_.xx[j * p_ + j]), limit = 8 * eps * m_.x_size[j];
        return !(spread > limit * limit * m_.weight_sum && spread > 0);
    }

    // S V diag(values)^+ V' S xy, of the columns that vary
    Doubles particular(Index t, Index null, const Doubles& values, const Doubles& vectors,
                       const std::vector<Index>& active, const Doubles& scale) const {
        const Index q = static_cast<Index>(active.size());
        Doubles b(static_cast<std::size_t>(q), 0.0);
        for (Index e = null; e < q; ++e) {
            const double* v = vectors.data() + e * q;
            double sum = 0;
            for (Index a = 0; a < q; ++a) sum += v[a] * scale[active[a]] * m_.xy[active[a] * k_ + t];
            for (Index a = 0; a < q; ++a) b[a] += v[a] * (sum / values[e]);
        }
        for (Index a = 0; a < q; ++a) b[a] *= scale[active[a]];
        return b;
    }

    // The triangle with rows of the identity for the columns that do not vary.
    Doubles embedded(const Doubles& small, const std::vector<Index>& active) const {
        const Index q = static_cast<Index>(active.size());
        Doubles lower(static_cast<std::size_t>(p_ * p_), 0.0);
        for (Index j = 0; j < p_; ++j) lower[j * p_ + j] = 1.0;
        for (Index a = 0; a < q; ++a)
            for (Index b = 0; b <= a; ++b) lower[active[a] * p_ + active[b]] = small[a * q + b];
        return lower;
    }

    void set_intercept(Index t) {
        if (!m_.centred) return;
        double value = m_.y_mean[t];
        for (Index j = 0; j < p_; ++j) value -= m_.x_mean[j] * found_.solution.coef[t * p_ + j];
        found_.solution.intercept[t] = value;
    }

    const Moments& m_;
    const Doubles& noise_;
    const LeastSquaresOptions& options_;
    const Index p_, k_;
    MomentsSolution found_;
};

}  // namespace

MomentsSolution solve_from_moments(const Moments& moments, const LeastSquaresOptions& options) {
    constexpr double usable = 2e-5;  // error from which the eigenvalues tell more than Cholesky
    const Moments m = without_noise(options.fit_intercept ? moments : uncentred(moments));
    const Doubles noise = relative_noise(m);
    MomentsSolution found;
    found.solution = solve_moments(m, nullptr, options);
    if (options.positive || found.solution.status == Status::not_finite) return found;
    const double condition = found.solution.condition;
    found.error = condition * condition * (noise.empty() ? eps : *std::max_element(noise.begin(), noise.end()));
    if (found.solution.status != Status::stalled && found.error < usable) return found;
    found = SpectralProblem(m, noise, options).solve();
    find_sums_of_squares(m, nullptr, options, close_in_double, found.solution);
    return found;
}

}  // namespace mlcraft
