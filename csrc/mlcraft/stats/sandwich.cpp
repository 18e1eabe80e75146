#include "mlcraft/stats/sandwich.hpp"

#include <algorithm>

#include "mlcraft/core/threads.hpp"
#include "mlcraft/simd/kernels.hpp"

namespace mlcraft {
namespace {

constexpr Index lane_elements = 1 << 22;   // that the sums of all lanes may take together
constexpr Index block_elements = 1 << 13;  // of a block that is read column by column and used row by row

// Rows [begin, begin + count) as columns of z; column c of the result begins at out + c * ld.
void read_columns(const CentredRows& z, Index begin, Index count, double* out, Index ld) {
    double* features = out + (z.constant ? ld : 0);
    if (z.constant) std::fill(out, out + count, 1.0);
    z.rows.read_features(begin, count, features, ld);
    for (Index j = 0; j < z.rows.cols; ++j)
        for (Index i = 0; i < count; ++i) features[j * ld + i] -= z.mean[j];
}

Index rows_at_once(Index width) {
    return std::clamp<Index>(block_elements / std::max<Index>(width, 1) / 8 * 8, 16, 256);
}

// Into how many lanes n rows are cut when each lane has `elements` sums of its own.
Index lanes_for(Index n, Index elements) {
    return std::clamp<Index>(lane_elements / std::max<Index>(elements, 1), 1, sum_lanes(n));
}

// parallel_tasks with a look at Ctrl-C now and then.
template <class Body>
Status interruptible_tasks(Index tasks, int threads, Body&& body) {
    InterruptPoll poll;
    const Index round = 4 * static_cast<Index>(threads);
    for (Index first = 0; first < tasks; first += round) {
        parallel_tasks(std::min(round, tasks - first), threads, [&](Index task) { body(first + task); });
        if (poll.poll()) return Status::interrupted;
    }
    return Status::converged;
}

// Runs body(begin, end, sums) for each lane of rows, and adds up the lanes' sums in their order.
template <class Body>
Status sum_over_lanes(Index n, Index elements, double* out, int threads, Body&& body) {
    const Index lanes = lanes_for(n, elements);
    std::vector<double> partial(static_cast<std::size_t>(lanes * elements), 0.0);
    const Status status = interruptible_tasks(lanes, threads, [&](Index lane) {
        body(lane * n / lanes, (lane + 1) * n / lanes, partial.data() + lane * elements);
    });
    std::fill(out, out + elements, 0.0);
    for (Index lane = 0; lane < lanes; ++lane)
        for (Index e = 0; e < elements; ++e) out[e] += partial[lane * elements + e];
    return status;
}

}  // namespace

Status cluster_scores(const CentredRows& z, const double* score, const Index* codes, Index clusters, double* out,
                      int threads) {
    const Index width = z.width(), block = rows_at_once(width);
    return sum_over_lanes(z.rows.rows, clusters * width, out, threads, [&](Index begin, Index end, double* sums) {
        std::vector<double> columns(static_cast<std::size_t>(width * block));
        for (; begin < end; begin += block) {
            const Index count = std::min(block, end - begin);
            read_columns(z, begin, count, columns.data(), block);
            for (Index i = 0; i < count; ++i) {
                const double s = score[begin + i];
                double* sum = sums + codes[begin + i] * width;
                for (Index c = 0; c < width; ++c) sum[c] += s * columns[c * block + i];
            }
        }
    });
}

Status cluster_grams(const CentredRows& z, const Index* order, const Index* start, Index clusters, double* out,
                     int threads) {
    const Index width = z.width(), block = rows_at_once(width);
    return interruptible_tasks(clusters, threads, [&](Index task) {
        const auto& kernels = simd::kernels().f64;
        std::vector<double> columns(static_cast<std::size_t>(width * block)), weight(static_cast<std::size_t>(block)),
            weighted(static_cast<std::size_t>(block));
        double* gram = out + task * width * width;
        std::fill(gram, gram + width * width, 0.0);
        for (Index k = start[task]; k < start[task + 1]; k += block) {
            const Index count = std::min(block, start[task + 1] - k);
            for (Index i = 0; i < count; ++i) {
                const Index row = order[k + i];
                read_columns(z, row, 1, columns.data() + i, block);
                z.rows.read_weights(row, 1, weight.data() + i);
            }
            for (Index c = 0; c < width; ++c) {
                for (Index i = 0; i < count; ++i) weighted[i] = weight[i] * columns[c * block + i];
                kernels.dots(columns.data(), block, c + 1, count, weighted.data(), gram + c * width);
            }
        }
        for (Index c = 0; c < width; ++c)
            for (Index d = 0; d < c; ++d) gram[d * width + c] = gram[c * width + d];
    });
}

Status lagged_products(const CentredRows& z, const double* score, const double* kernel, Index lags, double* out,
                       int threads) {
    const Index width = z.width(), block = std::max(rows_at_once(width), 2 * lags), ld = block + lags;
    return sum_over_lanes(z.rows.rows, width * width, out, threads, [&](Index begin, Index end, double* sums) {
        const auto& kernels = simd::kernels().f64;
        std::vector<double> columns(static_cast<std::size_t>(width * ld)), filtered(static_cast<std::size_t>(block));
        for (; begin < end; begin += block) {
            // the rows of this block stand behind those of the lags before them
            const Index count = std::min(block, end - begin), before = std::min(begin, lags), gap = lags - before;
            std::fill(columns.begin(), columns.end(), 0.0);
            read_columns(z, begin - before, before + count, columns.data() + gap, ld);
            for (Index c = 0; c < width; ++c)
                for (Index i = 0; i < before + count; ++i) columns[c * ld + gap + i] *= score[begin - before + i];
            for (Index c = 0; c < width; ++c) {
                std::fill(filtered.begin(), filtered.end(), 0.0);
                kernels.axpys(columns.data() + c * ld + lags, -1, lags + 1, count, kernel, filtered.data());
                kernels.dots(columns.data() + lags, ld, width, count, filtered.data(), sums + c * width);
            }
        }
    });
}

}  // namespace mlcraft
