#include "mlcraft/stats/sandwich.hpp"

#include <algorithm>
#include <cmath>

#include "mlcraft/core/buffer.hpp"
#include "mlcraft/core/threads.hpp"
#include "mlcraft/simd/kernels.hpp"
#include "mlcraft/stats/banded.hpp"

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

Banded padded_root(const double* root, Index features, Index rank) {
    Banded padded(features, rank, 8);  // as many columns as the kernel adds at a time
    for (Index j = 0; j < features; ++j)
        for (Index r = 0; r < rank; ++r) padded.set(j, r, root[j * rank + r]);
    return padded;
}

constexpr Index score_rows = 128, score_ld = 136;  // rows of a block, and how far apart its columns lie

// One lane of score_gram: its buffers and its sums.
class ScoreLane {
public:
    ScoreLane(const CentredRows& z, const ScoreGramProblem& problem, const Banded& root,
              const std::vector<double>& negative_coef)
        : z_(z), problem_(problem), root_(root), negative_coef_(negative_coef), constant_(z.constant ? 1 : 0),
          width_(problem.rank + constant_),
          kernel_(width_ <= 40 ? simd::kernels().f64.narrow : simd::kernels().f64.wide),
          strips_((width_ + kernel_.lanes - 1) / kernel_.lanes), no_shift_(static_cast<std::size_t>(width_), 0.0),
          x_(static_cast<std::size_t>(root.inner() * score_ld), 0.0), u_(static_cast<std::size_t>(width_ * score_ld)),
          packed_(2 * strips_ * kernel_.lanes * score_rows) {}

    static Index sums(Index width, Index lanes) {
        const Index padded = (width + lanes - 1) / lanes * lanes;
        return padded * padded;
    }

    double residual_squares = 0, largest = -1;
    Index row = 0;

    void add(Index begin, Index count, double* out) {
        double e[score_rows], w[score_rows], g[score_rows];
        const CentredRows features{z_.rows, z_.mean, false};
        read_columns(features, begin, count, x_.data(), score_ld);
        for (Index i = 0; i < count; ++i) e[i] = problem_.y[begin + i] - problem_.centre;
        simd::kernels().f64.axpys(x_.data(), score_ld, z_.rows.cols, count, negative_coef_.data(), e);
        z_.rows.read_weights(begin, count, w);
        double* u = u_.data() + constant_ * score_ld;
        std::fill(u_.data(), u_.data() + constant_ * score_ld, 1.0);
        root_.multiply(x_.data(), score_ld, count, u);
        for (Index i = 0; i < count; ++i) {
            residual_squares += w[i] * e[i] * e[i];
            g[i] = (problem_.counts ? w[i] : w[i] * w[i]) * e[i] * e[i];
        }
        if (problem_.power != 0) divide_by_leverage(begin, count, u, w, g);
        accumulate(count, g, out);
    }

private:
    void divide_by_leverage(Index begin, Index count, const double* u, const double* w, double* g) {
        double h[score_rows];
        std::fill(h, h + count, problem_.base);
        for (Index r = 0; r < problem_.rank; ++r)
            for (Index i = 0; i < count; ++i) h[i] += u[r * score_ld + i] * u[r * score_ld + i];
        for (Index i = 0; i < count; ++i) {
            h[i] *= problem_.counts ? (w[i] > 0 ? 1.0 : 0.0) : w[i];
            if (!(h[i] <= largest)) {
                largest = h[i];
                row = begin + i;
            }
            const double left = 1 - h[i];
            if (problem_.power == 1)
                g[i] /= left;
            else if (problem_.power == 2)
                g[i] /= left * left;
            else
                g[i] /= std::pow(left, std::min(4.0, -problem_.power * h[i]));
        }
    }

    void accumulate(Index count, const double* g, double* out) {
        const Index lanes = kernel_.lanes, padded = strips_ * lanes;
        double *packed = packed_.data, *weighted = packed_.data + padded * score_rows;
        kernel_.pack({u_.data(), count, width_, 1, score_ld}, no_shift_.data(), {g, count, 1}, 0, count, packed,
                     weighted);
        for (Index column = width_; column < padded; ++column) {
            const Index at = column / lanes * count * lanes + column % lanes;
            for (Index i = 0; i < count; ++i) packed[at + i * lanes] = weighted[at + i * lanes] = 0;
        }
        kernel_.by_rows(packed, weighted, count, strips_, strips_, 0, strips_, out, padded, packed, 0);
    }

    const CentredRows& z_;
    const ScoreGramProblem& problem_;
    const Banded& root_;
    const std::vector<double>& negative_coef_;
    const Index constant_, width_;
    const simd::GramKernel<double>& kernel_;
    const Index strips_;
    const std::vector<double> no_shift_;
    std::vector<double> x_, u_;
    const AlignedBuffer<double> packed_;
};

}  // namespace

ScoreGram score_gram(const CentredRows& z, const ScoreGramProblem& problem, int threads) {
    const Index n = z.rows.rows, width = problem.rank + (z.constant ? 1 : 0);
    const Banded root = padded_root(problem.root, z.rows.cols, problem.rank);
    std::vector<double> negative_coef(problem.coef, problem.coef + z.rows.cols);
    for (double& b : negative_coef) b = -b;
    const auto& family = simd::kernels().f64;
    const Index elements = ScoreLane::sums(width, (width <= 40 ? family.narrow : family.wide).lanes);
    const Index lanes = lanes_for(n, elements), blocks = (n + score_rows - 1) / score_rows;
    struct Part {
        double residual_squares, largest;
        Index row;
    };
    std::vector<Part> parts(static_cast<std::size_t>(lanes));
    std::vector<double> sums(static_cast<std::size_t>(lanes * elements), 0.0);
    ScoreGram result;
    result.status = interruptible_tasks(lanes, threads, [&](Index lane) {
        ScoreLane work(z, problem, root, negative_coef);
        for (Index b = lane * blocks / lanes; b < (lane + 1) * blocks / lanes; ++b)
            work.add(b * score_rows, std::min(score_rows, n - b * score_rows), sums.data() + lane * elements);
        parts[lane] = {work.residual_squares, work.largest, work.row};
    });
    result.gram.assign(static_cast<std::size_t>(width * width), 0.0);
    result.largest = -1;
    const Index padded = static_cast<Index>(std::lround(std::sqrt(static_cast<double>(elements))));
    for (Index lane = 0; lane < lanes; ++lane) {
        result.residual_squares += parts[lane].residual_squares;
        if (!(parts[lane].largest <= result.largest)) {
            result.largest = parts[lane].largest;
            result.row = parts[lane].row;
        }
        for (Index i = 0; i < width; ++i)
            for (Index j = i; j < width; ++j) result.gram[i * width + j] += sums[lane * elements + i * padded + j];
    }
    for (Index i = 0; i < width; ++i)
        for (Index j = 0; j < i; ++j) result.gram[i * width + j] = result.gram[j * width + i];
    return result;
}

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
