#include "mlcraft/solver/nonnegative.hpp"

#include <algorithm>
#include <cmath>

#include "mlcraft/core/threads.hpp"
#include "mlcraft/moments/cholesky.hpp"

namespace mlcraft {
namespace {

// Least squares on the passive set; false if G is singular there.
bool solve_passive(const double* G, const double* h, Index n, const std::vector<bool>& passive, std::vector<double>& b,
                   int threads) {
    std::vector<Index> index;
    for (Index j = 0; j < n; ++j)
        if (passive[j]) index.push_back(j);
    const Index m = static_cast<Index>(index.size());
    std::vector<double> sub(static_cast<std::size_t>(m * m)), rhs(m);
    for (Index a = 0; a < m; ++a) {
        rhs[a] = h[index[a]];
        for (Index c = 0; c <= a; ++c) sub[a * m + c] = G[index[a] * n + index[c]];
    }
    if (!cholesky(sub.data(), m, 64 * eps * static_cast<double>(n), threads)) return false;
    solve_lower(sub.data(), m, rhs.data());
    solve_lower_transposed(sub.data(), m, rhs.data());
    std::fill(b.begin(), b.end(), 0.0);
    for (Index a = 0; a < m; ++a) b[index[a]] = rhs[a];
    return true;
}

// gradient = G b - h
void gradient(const double* G, const double* h, Index n, const std::vector<double>& b, std::vector<double>& g) {
    for (Index i = 0; i < n; ++i) g[i] = -h[i];
    for (Index j = 0; j < n; ++j)
        if (b[j] != 0)
            for (Index i = 0; i < n; ++i) g[i] += G[j * n + i] * b[j];
}

double largest_violation(const std::vector<double>& b, const std::vector<double>& g) {
    double worst = 0;
    for (std::size_t j = 0; j < b.size(); ++j)
        worst = std::max(worst, b[j] > 0 ? std::abs(g[j]) : std::max(0.0, -g[j]));
    return worst;
}

// What rounding leaves of a gradient element that is zero.
double noise(const double* h, Index n, const std::vector<double>& b) {
    double size = 0, sum = 0;
    for (Index j = 0; j < n; ++j) {
        size = std::max(size, std::abs(h[j]));
        sum += std::abs(b[j]);
    }
    return 16 * eps * static_cast<double>(n) * std::max(size, sum);
}

// Lawson and Hanson (1974): one coefficient becomes free at a time, the step ends at the first bound, so that the
// passive set stays independent even where G is singular.
Status active_set(const double* G, const double* h, Index n, Index limit, int threads, NonnegativeSolution& s) {
    std::vector<double>& b = s.coef;
    std::vector<double> g(n), z(n, 0.0);
    std::vector<bool> dependent(n, false);
    std::fill(b.begin(), b.end(), 0.0);
    std::fill(s.passive.begin(), s.passive.end(), false);
    InterruptPoll interrupt;
    while (true) {
        gradient(G, h, n, b, g);
        const double tolerance = noise(h, n, b);
        Index entering = -1;
        for (Index j = 0; j < n; ++j)
            if (!s.passive[j] && !dependent[j] && G[j * n + j] > 0 && g[j] < -tolerance &&
                (entering < 0 || g[j] < g[entering]))
                entering = j;
        if (entering < 0) return Status::converged;
        if (interrupt.poll()) return Status::interrupted;
        s.passive[entering] = true;
        bool moved = false;
        while (true) {
            if (s.iterations >= limit) return Status::max_iter;
            ++s.iterations;
            if (!solve_passive(G, h, n, s.passive, z, threads) || (!moved && !(z[entering] > 0))) {
                s.passive[entering] = false;
                dependent[entering] = true;  // until the passive set changes
                break;
            }
            double step = 1;
            for (Index j = 0; j < n; ++j)
                if (s.passive[j] && z[j] <= 0) step = std::min(step, b[j] / (b[j] - z[j]));
            bool blocked = false;
            for (Index j = 0; j < n; ++j) {
                if (!s.passive[j]) continue;
                const bool at_bound = z[j] <= 0 && b[j] + step * (z[j] - b[j]) <= 1e-14 * std::abs(z[j] - b[j]);
                b[j] += step * (z[j] - b[j]);
                if (!at_bound) continue;
                b[j] = 0;
                s.passive[j] = false;
                blocked = true;
            }
            moved = true;
            std::fill(dependent.begin(), dependent.end(), false);
            if (!blocked) break;
        }
    }
}

}  // namespace

NonnegativeSolution solve_nonnegative(const double* G, const double* h, Index n, Index max_iter, int threads) {
    NonnegativeSolution s;
    s.coef.assign(n, 0.0);
    s.passive.assign(n, false);
    std::vector<double> g(n), b(n, 0.0);
    for (Index j = 0; j < n; ++j) g[j] = -h[j];

    Index best = n + 1;
    int patience = 3;
    bool regular = true, optimal = false;
    const Index limit = max_iter > 0 ? max_iter : 5 * n + 100;
    InterruptPoll interrupt;
    while (s.iterations < limit && !interrupt.poll()) {
        std::vector<Index> wrong;
        const double tolerance = noise(h, n, b);
        for (Index j = 0; j < n; ++j) {
            if (!(G[j * n + j] > 0)) continue;
            if (s.passive[j] ? b[j] < 0 : g[j] < -tolerance) wrong.push_back(j);
        }
        if (wrong.empty()) {
            optimal = true;
            break;
        }
        const Index count = static_cast<Index>(wrong.size());
        if (count < best) {
            best = count;
            patience = 3;
        } else if (patience > 0) {
            --patience;
        } else {
            wrong.assign(1, wrong.back());  // Murty: one at a time, always the last, cannot cycle
        }
        for (Index j : wrong) s.passive[j] = !s.passive[j];
        ++s.iterations;
        if (!solve_passive(G, h, n, s.passive, b, threads)) {
            regular = false;
            break;
        }
        gradient(G, h, n, b, g);
        for (Index j = 0; j < n; ++j)
            if (s.passive[j]) g[j] = 0;
    }
    if (interrupt.stopped()) {
        s.status = Status::interrupted;
    } else if (!optimal && regular && max_iter > 0) {
        s.status = Status::max_iter;
    } else if (!optimal) {
        s.status = active_set(G, h, n, limit + 10 * n, threads, s);
        b = s.coef;
    }
    for (double& v : b) v = std::max(0.0, v);
    s.coef = b;
    gradient(G, h, n, b, g);
    s.violation = largest_violation(b, g);
    return s;
}

}  // namespace mlcraft
