#include "mlcraft/solver/orthogonal.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

#include "mlcraft/core/lapack.hpp"
#include "mlcraft/core/threads.hpp"
#include "mlcraft/solver/row_qr.hpp"

namespace mlcraft {
namespace {

void check(int info, const char* routine) {
    if (info != 0)
        throw std::runtime_error(std::string("LAPACK ") + routine + " failed with info = " + std::to_string(info));
}

void require_lapack() {
    if (lapack().geqrf == nullptr)
        throw std::runtime_error("this problem needs LAPACK: fill the table mlcraft::lapack()");
}

// In-place QR of the m x n column-major array.
void factorise(std::vector<double>& a, Index m, Index n, Index ld, std::vector<double>& tau) {
    int mi = static_cast<int>(m), ni = static_cast<int>(n), ldi = static_cast<int>(ld), info = 0, query = -1;
    tau.resize(static_cast<std::size_t>(std::max<Index>(1, std::min(m, n))));
    double size = 0;
    lapack().geqrf(&mi, &ni, a.data(), &ldi, tau.data(), &size, &query, &info);
    int lwork = std::max(1, static_cast<int>(size));
    std::vector<double> work(static_cast<std::size_t>(lwork));
    lapack().geqrf(&mi, &ni, a.data(), &ldi, tau.data(), work.data(), &lwork, &info);
    check(info, "geqrf");
}

// c := Q' c or Q c with the reflectors of `a`.
void apply_q(char trans, std::vector<double>& a, Index m, Index reflectors, Index ld, std::vector<double>& tau,
             std::vector<double>& c, Index columns, Index ldc) {
    char side = 'L';
    int mi = static_cast<int>(m), ni = static_cast<int>(columns), ki = static_cast<int>(reflectors),
        ldi = static_cast<int>(ld), ldci = static_cast<int>(ldc), info = 0, query = -1;
    double size = 0;
    lapack().ormqr(&side, &trans, &mi, &ni, &ki, a.data(), &ldi, tau.data(), c.data(), &ldci, &size, &query, &info);
    int lwork = std::max(1, static_cast<int>(size));
    std::vector<double> work(static_cast<std::size_t>(lwork));
    lapack().ormqr(&side, &trans, &mi, &ni, &ki, a.data(), &ldi, tau.data(), c.data(), &ldci, work.data(), &lwork,
                   &info);
    check(info, "ormqr");
}

void solve_triangle(char trans, std::vector<double>& r, Index n, Index ld, std::vector<double>& b, Index columns,
                    Index ldb) {
    char uplo = 'U', diag = 'N';
    int ni = static_cast<int>(n), nrhs = static_cast<int>(columns), ldi = static_cast<int>(ld),
        ldbi = static_cast<int>(ldb), info = 0;
    lapack().trtrs(&uplo, &trans, &diag, &ni, &nrhs, r.data(), &ldi, b.data(), &ldbi, &info);
    check(info, "trtrs");
}

}  // namespace

std::vector<double> Triangle::lower() const {
    std::vector<double> l(static_cast<std::size_t>(features * features), 0.0);
    for (Index j = 0; j < features; ++j)
        for (Index i = 0; i <= j && i < rows; ++i) {
            const double sign = r[i * rows + i] < 0 ? -1.0 : 1.0;
            l[j * features + i] = sign * r[j * rows + i];
        }
    return l;
}

std::vector<double> Triangle::row_factor(const double* scale, double alpha) const {
    const Index height = features + (alpha > 0 ? rows : 0);
    std::vector<double> transposed(static_cast<std::size_t>(height * rows), 0.0), tau;
    for (Index j = 0; j < features; ++j)
        for (Index i = 0; i < rows && scale[j] > 0; ++i) transposed[i * height + j] = r[j * rows + i] / scale[j];
    for (Index i = 0; i < rows && alpha > 0; ++i) transposed[i * height + features + i] = std::sqrt(alpha);
    factorise(transposed, height, rows, height, tau);
    std::vector<double> l(static_cast<std::size_t>(rows * rows), 0.0);
    for (Index i = 0; i < rows; ++i)
        for (Index j = 0; j <= i; ++j) l[i * rows + j] = transposed[i * height + j];
    return l;
}

void read_design(const RowSource& source, const OrthogonalProblem& problem, Index begin, Index count, double* columns,
                 Index ld) {
    const Index p = source.cols, q = p + source.targets;
    std::vector<double> weight(static_cast<std::size_t>(count));
    source.read_features(begin, count, columns, ld);
    source.read_targets(begin, count, columns + p * ld, ld);
    source.read_weights(begin, count, weight.data());
    for (double& w : weight) w = std::sqrt(w);
    for (Index j = 0; j < q; ++j) {
        const double mean = j < p ? problem.mean[j] : problem.y_mean[j - p];
        const double scale = j < p ? problem.scale[j] : 1.0;
        for (Index i = 0; i < count; ++i) columns[j * ld + i] = (columns[j * ld + i] - mean) * weight[i] * scale;
    }
}

void project_out(std::vector<double> null_vectors, Index features, Index count, double* b, Index targets) {
    require_lapack();
    std::vector<double> tau, z(b, b + features * targets);
    factorise(null_vectors, features, count, features, tau);
    apply_q('T', null_vectors, features, count, features, tau, z, targets, features);
    for (Index t = 0; t < targets; ++t) std::fill_n(z.begin() + t * features, count, 0.0);
    apply_q('N', null_vectors, features, count, features, tau, z, targets, features);
    std::copy(z.begin(), z.end(), b);
}

namespace {

// Tall and narrow: lanes of rows, each with a triangle of its own, merged in order.
Triangle triangle_by_rows(const RowSource& source, const OrthogonalProblem& problem) {
    const Index n = source.rows, p = source.cols, k = source.targets, q = p + k;
    const Index lanes = std::clamp<Index>(n / std::max<Index>(1024, 16 * p), 1, 16);
    const Index blocks = (n + RowQr::block - 1) / RowQr::block;
    std::vector<RowQr> parts(static_cast<std::size_t>(lanes), RowQr(p, k));
    parallel_tasks(lanes, problem.threads, [&](Index lane) {
        std::vector<double> columns(static_cast<std::size_t>(RowQr::block * q));
        for (Index b = lane * blocks / lanes; b < (lane + 1) * blocks / lanes; ++b) {
            const Index begin = b * RowQr::block, count = std::min(RowQr::block, n - begin);
            read_design(source, problem, begin, count, columns.data(), RowQr::block);
            parts[lane].add(columns.data(), count);
        }
    });
    for (Index lane = 1; lane < lanes; ++lane) parts[0].merge(parts[lane]);
    if (problem.alpha > 0) {
        std::vector<double> columns(static_cast<std::size_t>(RowQr::block * q));
        for (Index begin = 0; begin < p; begin += RowQr::block) {
            const Index count = std::min(RowQr::block, p - begin);
            std::fill(columns.begin(), columns.end(), 0.0);
            for (Index i = 0; i < count; ++i)
                columns[(begin + i) * RowQr::block + i] = std::sqrt(problem.alpha) * problem.scale[begin + i];
            parts[0].add(columns.data(), count);
        }
    }
    Triangle t{p, p, k, {}, {}};
    t.r.resize(static_cast<std::size_t>(p * p));
    t.rotated.resize(static_cast<std::size_t>(p * k));
    const std::vector<double>& rows = parts[0].rows();
    for (Index i = 0; i < p; ++i)
        for (Index j = 0; j < q; ++j) (j < p ? t.r[j * p + i] : t.rotated[(j - p) * p + i]) = rows[i * q + j];
    return t;
}

// Wide, or with many columns: LAPACK on blocks of rows stacked below the triangle so far.
Triangle triangle_by_blocks(const RowSource& source, const OrthogonalProblem& problem) {
    const Index n = source.rows, p = source.cols, k = source.targets, q = p + k;
    const Index extra = problem.alpha > 0 ? p : 0;
    const Index block = std::min(n + extra, std::max<Index>(512, 3 * q));
    const Index capacity = std::min(n + extra, q) + block;
    std::vector<double> stack(static_cast<std::size_t>(capacity * q), 0.0), tau;
    Index have = 0;  // rows of the triangle so far, at the top of the stack
    auto reduce = [&](Index fresh) {
        const Index m = have + fresh;
        factorise(stack, m, q, capacity, tau);
        have = std::min(m, q);
        for (Index j = 0; j < q; ++j)
            for (Index i = std::min(j + 1, have); i < capacity; ++i) stack[j * capacity + i] = 0;
    };
    for (Index begin = 0; begin < n; begin += block) {
        const Index count = std::min(block, n - begin);
        read_design(source, problem, begin, count, stack.data() + have, capacity);
        reduce(count);
    }
    for (Index begin = 0; begin < extra; begin += block) {
        const Index count = std::min(block, extra - begin);
        for (Index i = 0; i < count; ++i)
            stack[(begin + i) * capacity + have + i] = std::sqrt(problem.alpha) * problem.scale[begin + i];
        reduce(count);
    }
    Triangle t{std::min(have, p), p, k, {}, {}};
    t.r.resize(static_cast<std::size_t>(t.rows * p));
    t.rotated.resize(static_cast<std::size_t>(t.rows * k));
    for (Index j = 0; j < p; ++j) std::copy_n(stack.data() + j * capacity, t.rows, t.r.data() + j * t.rows);
    for (Index j = 0; j < k; ++j) std::copy_n(stack.data() + (p + j) * capacity, t.rows, t.rotated.data() + j * t.rows);
    return t;
}

}  // namespace

Triangle triangularise(const RowSource& source, const OrthogonalProblem& problem) {
    constexpr Index narrow = 256;  // up to here our own loops are at least as fast as LAPACK's
    require_lapack();
    if (source.rows > source.cols && source.cols <= narrow) return triangle_by_rows(source, problem);
    return triangle_by_blocks(source, problem);
}

MinimumNorm minimum_norm(const Triangle& triangle, const double* scale, const std::vector<double>& tolerance,
                         double alpha) {
    require_lapack();
    const Index m = triangle.rows, p = triangle.features, k = triangle.targets, reflectors = std::min(m, p);
    MinimumNorm result;
    result.coef.assign(static_cast<std::size_t>(k * p), 0.0);
    if (reflectors == 0) return result;
    std::vector<double> r = triangle.r, c = triangle.rotated, tau(reflectors);
    std::vector<int> pivot(p, 0);
    int mi = static_cast<int>(m), pi = static_cast<int>(p), info = 0, query = -1;
    double size = 0;
    lapack().geqp3(&mi, &pi, r.data(), &mi, pivot.data(), tau.data(), &size, &query, &info);
    int lwork = std::max(1, static_cast<int>(size));
    std::vector<double> work(static_cast<std::size_t>(lwork));
    lapack().geqp3(&mi, &pi, r.data(), &mi, pivot.data(), tau.data(), work.data(), &lwork, &info);
    check(info, "geqp3");
    apply_q('T', r, m, reflectors, m, tau, c, k, m);

    const double largest = std::abs(r[0]);
    double limit = 0;
    Index rank = 0;
    while (rank < reflectors && largest > 0) {
        limit = std::max(limit, tolerance[pivot[rank] - 1]);
        const double ratio = std::abs(r[rank * m + rank]) / largest;
        if (!(ratio > limit)) break;
        result.smallest_pivot_ratio = ratio;
        ++rank;
    }
    result.rank = rank;
    if (rank == 0) return result;
    if (rank == p && !(alpha > 0)) {
        solve_triangle('N', r, p, m, c, k, m);
        for (Index t = 0; t < k; ++t)
            for (Index j = 0; j < p; ++j) result.coef[t * p + pivot[j] - 1] = c[t * m + j] * scale[pivot[j] - 1];
        return result;
    }
    // b of least norm with [R11 R12] P' S^-1 b = c: QR of the transposed rows
    std::vector<double> transposed(static_cast<std::size_t>(p * rank), 0.0), row_tau;
    for (Index j = 0; j < p; ++j) {
        const Index feature = pivot[j] - 1;
        if (!(scale[feature] > 0)) continue;
        for (Index i = 0; i <= std::min(j, rank - 1); ++i) transposed[i * p + feature] = r[j * m + i] / scale[feature];
    }
    factorise(transposed, p, rank, p, row_tau);
    std::vector<double> z(static_cast<std::size_t>(p * k), 0.0);
    for (Index t = 0; t < k; ++t) std::copy_n(c.data() + t * m, rank, z.data() + t * p);
    if (alpha > 0) {  // z of least |c - R'z|^2 + alpha |z|^2: QR of [R'; sqrt(alpha) I]
        const Index height = 2 * rank;
        std::vector<double> stack(static_cast<std::size_t>(height * rank), 0.0), stack_tau;
        std::vector<double> rhs(static_cast<std::size_t>(height * k), 0.0);
        for (Index j = 0; j < rank; ++j) {
            for (Index i = j; i < rank; ++i) stack[j * height + i] = transposed[i * p + j];
            stack[j * height + rank + j] = std::sqrt(alpha);
        }
        for (Index t = 0; t < k; ++t) std::copy_n(c.data() + t * m, rank, rhs.data() + t * height);
        factorise(stack, height, rank, height, stack_tau);
        apply_q('T', stack, height, rank, height, stack_tau, rhs, k, height);
        solve_triangle('N', stack, rank, height, rhs, k, height);
        for (Index t = 0; t < k; ++t) std::copy_n(rhs.data() + t * height, rank, z.data() + t * p);
    } else {
        solve_triangle('T', transposed, rank, p, z, k, p);
    }
    apply_q('N', transposed, p, rank, p, row_tau, z, k, p);
    result.coef = z;
    for (Index t = 0; t < k; ++t)
        for (Index j = 0; j < p; ++j)
            if (!(scale[j] > 0)) result.coef[t * p + j] = 0;
    return result;
}

}  // namespace mlcraft
