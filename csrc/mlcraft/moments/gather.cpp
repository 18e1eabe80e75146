#include "mlcraft/moments/gather.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdint>

#include "mlcraft/core/threads.hpp"
#include "mlcraft/moments/sparse.hpp"

namespace mlcraft {
namespace {

constexpr double suspicious_square = 1e-280;  // sums of squares below may have underflown
constexpr Index block_rows = 2048;            // rows that are copied together
constexpr Index shared_columns = 128;         // from here all threads work on one block

// One thread or a team for work of a fraction of a millisecond, whatever has been faster lately: on a quiet machine a
// team halves the time of a chunk, on a busy one each chunk waits until the scheduler has run every thread. The answer
// does not depend on it.
class TeamChoice {
public:
    template <class Work>
    auto run(double size, int threads, Work&& work) {
        if (threads <= 1 || size < smallest || size > largest) return work(size < smallest ? 1 : threads);
        constexpr unsigned period = 64,
                           first = 6;  // calls between two looks at the slower one; the first few alternate
        const unsigned call = calls_.fetch_add(1, std::memory_order_relaxed), turn = call % period;
        const bool team_is_faster = cost_[1].load() <= cost_[0].load();
        const bool together = call < first ? call % 2 == 0 : turn == 0 || (turn != 1 && team_is_faster);
        const auto start = std::chrono::steady_clock::now();
        auto result = work(together ? threads : 1);
        const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
        const double cost = seconds.count() / size, before = cost_[together].load();
        cost_[together].store(before == 0 || cost < before ? cost : 0.75 * before + 0.25 * cost);
        return result;
    }

private:
    static constexpr double smallest = 2e6, largest = 4e8;  // operations: about 50 microseconds to 10 milliseconds
    std::atomic<unsigned> calls_{0};
    std::atomic<double> cost_[2] = {0.0, 0.0};
};

template <class T>
Index count_weighted(VectorView<const T> weight, Index rows) {
    if (!weight) return rows;
    Index count = 0;
    for (Index i = 0; i < rows; ++i) count += weight[i] != T(0);
    return count;
}

// Whether the values of a column differ, though the sum of their squares about the mean is next to nothing.
template <class T>
bool differs(VectorView<const T> values, VectorView<const T> weight, double mean) {
    for (Index i = 0; i < values.size; ++i) {
        const double distance = std::abs(static_cast<double>(values[i]) - mean);
        if (distance > 2e-15 * std::abs(mean) && (!weight || weight[i] > T(0))) return true;
    }
    return false;
}

template <class T>
bool underflows(const Moments& m, MatrixView<const T> x, MatrixView<const T> y, VectorView<const T> weight) {
    for (Index j = 0; j < m.features; ++j)
        if (m.xx[j * m.features + j] <= suspicious_square && differs(x.column(j), weight, m.x_mean[j])) return true;
    for (Index t = 0; t < m.targets; ++t)
        if (m.yy[t] <= suspicious_square && differs(y.column(t), weight, m.y_mean[t])) return true;
    return false;
}

// A stored value whose square underflows is small, but not zero: multiplied by a large number it shows.
template <class T, class I>
bool underflows(const Moments& m, const CsrMatrix<T, I>& x, MatrixView<const T> y, VectorView<const T> weight) {
    std::vector<double> magnifier(static_cast<std::size_t>(m.features), 0.0);
    bool suspicious = false;
    for (Index j = 0; j < m.features; ++j)
        if (m.xx[j * m.features + j] <= suspicious_square && m.x_size[j] <= std::sqrt(suspicious_square)) {
            magnifier[j] = 1e150;
            suspicious = true;
        }
    for (Index i = 0; suspicious && i < x.rows(); ++i) {
        double magnified = 0;
        x.times(i, 1, magnifier.data(), &magnified);
        if (magnified != 0 && (!weight || weight[i] > T(0))) return true;
    }
    for (Index t = 0; t < m.targets; ++t)
        if (m.yy[t] <= suspicious_square && differs(y.column(t), weight, m.y_mean[t])) return true;
    return false;
}

template <class T>
struct Block {
    std::vector<T> x, y, weight;
    Index count = 0, cols, targets;

    Block(Index size, Index cols, Index targets, bool weighted)
        : x(static_cast<std::size_t>(size * cols)), y(static_cast<std::size_t>(size * targets)),
          weight(weighted ? static_cast<std::size_t>(size) : 0), cols(cols), targets(targets) {}

    void copy(MatrixView<const T> from_x, MatrixView<const T> from_y, VectorView<const T> from_weight,
              const std::int64_t* rows, Index rows_count) {
        count = rows_count;
        for (Index i = 0; i < count; ++i) {
            const T *row = from_x.data + rows[i] * from_x.row_stride, *targets_row = &from_y(rows[i], 0);
            for (Index j = 0; j < cols; ++j) x[i * cols + j] = row[j * from_x.col_stride];
            for (Index t = 0; t < targets; ++t) y[i * targets + t] = targets_row[t * from_y.col_stride];
            if (!weight.empty()) weight[i] = from_weight[rows[i]];
        }
    }

    Moments moments(bool centre, int threads) const {
        VectorView<const T> w{};
        if (!weight.empty()) w = {weight.data(), count, 1};
        return gather<T>({x.data(), count, cols, cols, 1}, {y.data(), count, targets, targets, 1}, w, centre, threads);
    }
};

bool neighbours(const std::int64_t* rows, Index count) {
    for (Index i = 1; i < count; ++i)
        if (rows[i] != rows[0] + i) return false;
    return true;
}

}  // namespace

template <class T>
Moments gather(MatrixView<const T> x, MatrixView<const T> y, VectorView<const T> weight, bool centre, int threads) {
    static TeamChoice choice;
    const double columns = static_cast<double>(x.cols + y.cols);
    Moments m = choice.run(static_cast<double>(x.rows) * columns * (columns + 16), threads,
                           [&](int team) { return dense_moments<T, double>(x, y, weight, centre, team); });
    m.samples = count_weighted(weight, x.rows);
    m.finite = m.finite && !underflows(m, x, y, weight);
    return m;
}

template <class T, class I>
Moments gather(const CsrMatrix<T, I>& x, MatrixView<const T> y, VectorView<const T> weight, bool centre, int threads) {
    Moments m = sparse_moments(x, y, weight, centre, threads);
    m.samples = count_weighted(weight, x.rows());
    m.finite = m.finite && !underflows(m, x, y, weight);
    return m;
}

template <class T>
Moments gather_rows(MatrixView<const T> x, MatrixView<const T> y, VectorView<const T> weight, const std::int64_t* rows,
                    Index count, bool centre, int threads) {
    if (count > 0 && neighbours(rows, count))
        return gather<T>(x.row_range(rows[0], count), y.row_range(rows[0], count), weight.slice(rows[0], count), centre,
                         threads);
    const bool shared = x.cols + y.cols >= shared_columns, weighted = static_cast<bool>(weight);
    const Index blocks = std::max<Index>(1, (count + block_rows - 1) / block_rows);
    const Index lanes = shared ? 1 : std::min(blocks, sum_lanes(count));
    std::vector<Moments> parts(static_cast<std::size_t>(lanes));
    parallel_tasks(lanes, threads, [&](Index lane) {
        Block<T> block(std::min(count, block_rows), x.cols, y.cols, weighted);
        const Index first = lane * blocks / lanes;
        for (Index b = first; b < (lane + 1) * blocks / lanes; ++b) {
            const Index begin = b * block_rows;
            block.copy(x, y, weight, rows + begin, std::min(block_rows, count - begin));
            Moments m = block.moments(centre, shared ? threads : 1);
            if (b == first)
                parts[lane] = std::move(m);
            else
                merge(parts[lane], m);
        }
    });
    for (Index lane = 1; lane < lanes; ++lane) merge(parts[0], parts[lane]);
    return std::move(parts[0]);
}

#define MLCRAFT_GATHER(T)                                                                                 \
    template Moments gather<T>(MatrixView<const T>, MatrixView<const T>, VectorView<const T>, bool, int); \
    template Moments gather<T, std::int32_t>(const CsrMatrix<T, std::int32_t>&, MatrixView<const T>,      \
                                             VectorView<const T>, bool, int);                             \
    template Moments gather<T, std::int64_t>(const CsrMatrix<T, std::int64_t>&, MatrixView<const T>,      \
                                             VectorView<const T>, bool, int);                             \
    template Moments gather_rows<T>(MatrixView<const T>, MatrixView<const T>, VectorView<const T>,        \
                                    const std::int64_t*, Index, bool, int);
MLCRAFT_GATHER(double)
MLCRAFT_GATHER(float)
#undef MLCRAFT_GATHER

}  // namespace mlcraft
