#include "mlcraft/moments/sparse.hpp"

#include <algorithm>
#include <cmath>

#include "mlcraft/core/threads.hpp"
#include "mlcraft/matrix/rows.hpp"

namespace mlcraft {

template <class T, class I>
Moments sparse_means(const CsrMatrix<T, I>& x, MatrixView<const T> y, VectorView<const T> weight, bool centre) {
    const Index n = x.rows(), p = x.cols(), k = y.cols;
    Moments m;
    m.features = p;
    m.targets = k;
    m.centred = centre;
    m.x_mean.assign(p, 0.0);
    m.y_mean.assign(k, 0.0);
    m.x_size.assign(p, 0.0);
    m.yy.assign(k, 0.0);
    for (Index i = 0; i < n; ++i) {
        const double w = weight ? static_cast<double>(weight[i]) : 1.0;
        m.weight_sum += w;
        for (Index t = 0; t < k; ++t) m.y_mean[t] += w * static_cast<double>(y(i, t));
        const T scaled = static_cast<T>(w);
        x.transposed_times(i, 1, &scaled, m.x_mean.data());
    }
    const double share = m.weight_sum > 0 ? 1.0 / m.weight_sum : 0.0;
    for (double& v : m.x_mean) v *= share;
    for (double& v : m.y_mean) v *= share;
    double check = m.weight_sum;
    for (Index i = 0; i < n; ++i) {
        const double w = weight ? static_cast<double>(weight[i]) : 1.0;
        for (Index t = 0; t < k; ++t) {
            const double d = static_cast<double>(y(i, t)) - (centre ? m.y_mean[t] : 0.0);
            m.yy[t] += w * d * d;
        }
        x.add_squares(i, w, m.x_size.data());
    }
    for (Index j = 0; j < p; ++j) {
        m.x_size[j] = std::sqrt(m.x_size[j] * share);
        check += m.x_size[j] + m.x_mean[j];
    }
    for (double v : m.yy) check += v;
    if (!centre) {
        std::fill(m.x_mean.begin(), m.x_mean.end(), 0.0);
        std::fill(m.y_mean.begin(), m.y_mean.end(), 0.0);
    }
    m.finite = std::isfinite(check);
    return m;
}

namespace {

// Columns without a zero can have means far above their spread; then the rows are taken as dense, a block at a time.
template <class T, class I>
Moments moments_by_blocks(const CsrMatrix<T, I>& x, MatrixView<const T> y, VectorView<const T> weight, bool centre,
                          int threads) {
    constexpr Index block = 4096;
    const Index n = x.rows(), p = x.cols(), k = y.cols;
    const Rows<CsrMatrix<T, I>> rows(x, y, weight);
    std::vector<double> features(static_cast<std::size_t>(std::min(n, block) * p)),
        targets(static_cast<std::size_t>(std::min(n, block) * k)), w(static_cast<std::size_t>(std::min(n, block)));
    Moments total;
    for (Index begin = 0; begin < n; begin += block) {
        const Index count = std::min(block, n - begin);
        rows.read_features(begin, count, features.data(), count);
        rows.read_targets(begin, count, targets.data(), count);
        rows.read_weights(begin, count, w.data());
        const Moments part =
            dense_moments<double, double>({features.data(), count, p, 1, count}, {targets.data(), count, k, 1, count},
                                          {w.data(), count, 1}, centre, threads);
        if (begin == 0)
            total = part;
        else
            merge(total, part);
    }
    return total;
}

}  // namespace

template <class T, class I>
Moments sparse_moments(const CsrMatrix<T, I>& x, MatrixView<const T> y, VectorView<const T> weight, bool centre,
                       int threads) {
    const Index n = x.rows(), p = x.cols(), k = y.cols;
    Moments m = sparse_means(x, y, weight, centre);
    m.xx.assign(static_cast<std::size_t>(p * p), 0.0);
    m.xy.assign(static_cast<std::size_t>(p * k), 0.0);
    if (!m.finite) return m;
    std::vector<T> w(n, T(1));
    if (weight)
        for (Index i = 0; i < n; ++i) w[i] = weight[i];
    // threads own rows of xx: the same arithmetic whoever does it
    constexpr Index rows_per_task = 64;
    const Index tasks = (p + rows_per_task - 1) / rows_per_task;
    parallel_tasks(tasks, threads, [&](Index task) {
        x.gram(0, n, w.data(), task * rows_per_task, std::min(p, (task + 1) * rows_per_task), m.xx.data());
    });
    std::vector<double> part(p);
    std::vector<T> r(n);
    for (Index t = 0; t < k; ++t) {
        std::fill(part.begin(), part.end(), 0.0);
        for (Index i = 0; i < n; ++i)
            r[i] = static_cast<T>(static_cast<double>(w[i]) * (static_cast<double>(y(i, t)) - m.y_mean[t]));
        x.transposed_times(0, n, r.data(), part.data());
        double total = 0;
        for (Index i = 0; i < n; ++i) total += static_cast<double>(r[i]);
        for (Index j = 0; j < p; ++j) m.xy[j * k + t] = part[j] - m.x_mean[j] * total;
    }
    double check = 0;
    if (centre)
        for (Index j = 0; j < p; ++j) {
            const double raw = m.xx[j * p + j];
            if (raw - m.weight_sum * m.x_mean[j] * m.x_mean[j] < 1e-4 * raw)
                return moments_by_blocks(x, y, weight, centre, threads);
        }
    for (Index a = 0; a < p; ++a)
        for (Index b = a; b < p; ++b) {
            const double value = m.xx[a * p + b] - m.weight_sum * m.x_mean[a] * m.x_mean[b];
            m.xx[a * p + b] = m.xx[b * p + a] = value;
            check += value;
        }
    m.finite = m.finite && std::isfinite(check);
    return m;
}

#define MLCRAFT_SPARSE_MOMENTS(T, I)                                                                              \
    template Moments sparse_moments<T, I>(const CsrMatrix<T, I>&, MatrixView<const T>, VectorView<const T>, bool, \
                                          int);                                                                   \
    template Moments sparse_means<T, I>(const CsrMatrix<T, I>&, MatrixView<const T>, VectorView<const T>, bool);
MLCRAFT_SPARSE_MOMENTS(double, std::int32_t)
MLCRAFT_SPARSE_MOMENTS(double, std::int64_t)
MLCRAFT_SPARSE_MOMENTS(float, std::int32_t)
MLCRAFT_SPARSE_MOMENTS(float, std::int64_t)

}  // namespace mlcraft
