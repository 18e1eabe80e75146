#include "mlcraft/stats/leverage.hpp"

#include <algorithm>
#include <atomic>

#include "mlcraft/core/threads.hpp"
#include "mlcraft/simd/kernels.hpp"
#include "mlcraft/stats/banded.hpp"

namespace mlcraft {
namespace {

constexpr Index most_rows = 256;          // in a block
constexpr Index gram_elements = 1 << 22;  // that all lanes of a Gram matrix may take together

Banded by_columns(const Whitener& whitener, Index features) {
    Banded k(features, whitener.rank);
    for (Index j = 0; j < features; ++j)
        for (Index r = 0; r < whitener.rank; ++r) k.set(j, r, whitener.root[j * whitener.rank + r]);
    return k;
}

Banded by_rows(const Whitener& whitener, Index features) {
    Banded k(whitener.rank, features);
    for (Index j = 0; j < features; ++j)
        for (Index r = 0; r < whitener.rank; ++r) k.set(r, j, whitener.root[j * whitener.rank + r]);
    return k;
}

// Rows in a block: few enough that a block of all columns stays in the second-level cache, where it can.
Index rows_of_block(Index features) {
    return std::clamp<Index>((1 << 15) / std::max<Index>(features, 1) / 8 * 8, 64, most_rows);
}

void read_centred(const RowSource& rows, const double* mean, Index begin, Index count, double* out, Index ld) {
    rows.read_features(begin, count, out, ld);
    for (Index j = 0; j < rows.cols; ++j)
        for (Index i = 0; i < count; ++i) out[j * ld + i] -= mean[j];
}

// Ctrl-C: the thread that made the call asks, all threads stop.
class Stop {
public:
    bool reached() {
        if (on_calling_thread() && poll_.poll()) stopped_.store(true, std::memory_order_relaxed);
        return stopped_.load(std::memory_order_relaxed);
    }

private:
    static bool on_calling_thread() {
#ifdef _OPENMP
        return omp_get_thread_num() == 0;
#else
        return true;
#endif
    }
    InterruptPoll poll_;
    std::atomic<bool> stopped_{false};
};

class InfluencePass {
public:
    InfluencePass(const RowSource& rows, const Whitener& whitener, const double* coef, Index targets,
                  const RowInfluence& out)
        : rows_(rows), mean_(whitener.mean), coef_(coef), out_(out), p_(rows.cols), k_(targets),
          block_(rows_of_block(p_)), to_whitened_(by_columns(whitener, p_)), to_direction_(by_rows(whitener, p_)) {}

    Index blocks() const { return (rows_.rows + block_ - 1) / block_; }

    void run(Index index) const {
        const Index begin = index * block_, count = std::min(block_, rows_.rows - begin);
        const Index rank = to_whitened_.outer();
        std::vector<double> x(static_cast<std::size_t>(p_ * block_)), z(static_cast<std::size_t>(rank * block_));
        read_centred(rows_, mean_, begin, count, x.data(), block_);
        if (out_.fit) products(begin, count, x.data(), out_.fit);
        to_whitened_.multiply(x.data(), block_, count, z.data());
        if (out_.quadratic) squares(z.data(), rank, count, out_.quadratic + begin);
        if (!out_.square && !out_.projection && !out_.direction) return;
        to_direction_.multiply(z.data(), block_, count, x.data());
        if (out_.square) squares(x.data(), p_, count, out_.square + begin);
        if (out_.projection) products(begin, count, x.data(), out_.projection);
        if (out_.direction)
            for (Index i = 0; i < count; ++i)
                for (Index j = 0; j < p_; ++j) out_.direction[(begin + i) * p_ + j] = x[j * block_ + i];
    }

private:
    // The products of each row of the block with the coefficients of each target.
    void products(Index begin, Index count, const double* x, double* out) const {
        for (Index t = 0; t < k_; ++t) {
            double sum[most_rows] = {};
            simd::kernels().f64.axpys(x, block_, p_, count, coef_ + t * p_, sum);
            for (Index i = 0; i < count; ++i) out[(begin + i) * k_ + t] = sum[i];
        }
    }

    void squares(const double* columns, Index width, Index count, double* out) const {
        std::fill(out, out + count, 0.0);
        for (Index r = 0; r < width; ++r)
            for (Index i = 0; i < count; ++i) out[i] += columns[r * block_ + i] * columns[r * block_ + i];
    }

    const RowSource& rows_;
    const double *mean_, *coef_;
    const RowInfluence& out_;
    const Index p_, k_, block_;
    const Banded to_whitened_, to_direction_;
};

}  // namespace

Status row_influence(const RowSource& rows, const Whitener& whitener, const double* coef, Index targets,
                     const RowInfluence& out, int threads) {
    const InfluencePass pass(rows, whitener, coef, targets, out);
    Stop stop;
    parallel_tasks(pass.blocks(), threads, [&](Index index) {
        if (!stop.reached()) pass.run(index);
    });
    return stop.reached() ? Status::interrupted : Status::converged;
}

WhitenedGram whitened_gram(const RowSource& rows, const Whitener& whitener, int threads) {
    const Index n = rows.rows, p = rows.cols, rank = whitener.rank, block = rows_of_block(p);
    const Index blocks = (n + block - 1) / block, squared = std::max<Index>(rank * rank, 1);
    const Index lanes = std::max<Index>(1, std::min({sum_lanes(n), gram_elements / squared, blocks}));
    const Banded to_whitened = by_columns(whitener, p);
    struct Lane {
        std::vector<double> gram, shift;
        double weight_sum = 0;
    };
    std::vector<Lane> parts(static_cast<std::size_t>(lanes));
    Stop stop;
    parallel_tasks(lanes, threads, [&](Index lane) {
        const auto& kernels = simd::kernels().f64;
        Lane& part = parts[lane];
        part.gram.assign(static_cast<std::size_t>(rank * rank), 0.0);
        part.shift.assign(static_cast<std::size_t>(p), 0.0);
        std::vector<double> x(static_cast<std::size_t>(p * block)), z(static_cast<std::size_t>(rank * block));
        std::vector<double> weight(static_cast<std::size_t>(block)), weighted(static_cast<std::size_t>(block));
        for (Index b = lane * blocks / lanes; b < (lane + 1) * blocks / lanes && !stop.reached(); ++b) {
            const Index begin = b * block, count = std::min(block, n - begin);
            read_centred(rows, whitener.mean, begin, count, x.data(), block);
            rows.read_weights(begin, count, weight.data());
            for (Index i = 0; i < count; ++i) part.weight_sum += weight[i];
            kernels.dots(x.data(), block, p, count, weight.data(), part.shift.data());
            to_whitened.multiply(x.data(), block, count, z.data());
            for (Index r = 0; r < rank; ++r) {
                for (Index i = 0; i < count; ++i) weighted[i] = weight[i] * z[r * block + i];
                kernels.dots(z.data(), block, r + 1, count, weighted.data(), part.gram.data() + r * rank);
            }
        }
    });
    WhitenedGram result;
    result.gram.assign(static_cast<std::size_t>(rank * rank), 0.0);
    result.shift.assign(static_cast<std::size_t>(p), 0.0);
    for (const Lane& part : parts) {
        result.weight_sum += part.weight_sum;
        for (Index j = 0; j < p; ++j) result.shift[j] += part.shift[j];
        for (Index r = 0; r < rank; ++r)
            for (Index s = 0; s <= r; ++s) result.gram[r * rank + s] += part.gram[r * rank + s];
    }
    for (Index r = 0; r < rank; ++r)
        for (Index s = 0; s < r; ++s) result.gram[s * rank + r] = result.gram[r * rank + s];
    if (stop.reached()) result.status = Status::interrupted;
    return result;
}

}  // namespace mlcraft
