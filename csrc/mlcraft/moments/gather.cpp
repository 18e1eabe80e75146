#include "mlcraft/moments/gather.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "mlcraft/core/threads.hpp"
#include "mlcraft/moments/sparse.hpp"
#include "mlcraft/moments/weight_tally.hpp"

namespace mlcraft {
namespace {

constexpr double suspicious_square = 1e-280;  // sums of squares below may have underflown
constexpr Index block_rows = 2048;            // rows that are copied together
constexpr Index shared_columns = 128;         // from here all threads work on one block

// What a chunk costs: a team of threads has to be woken, which pays from about 100 microseconds of work.
int team_for(Index rows, Index columns, int threads) {
    constexpr double smallest = 4e6;  // operations
    const double width = static_cast<double>(columns);
    return static_cast<double>(rows) * width * (width + 16) < smallest ? 1 : threads;
}

template <class T>
void count_rows(Moments& m, VectorView<const T> weight, Index rows) {
    m.samples = rows;
    if (!weight) return;
    WeightTally tally;
    for (Index i = 0; i < rows; ++i) tally.add(static_cast<double>(weight[i]));
    m.samples = tally.count();
    m.log_weight = tally.log_sum();
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
    Moments m = dense_moments<T, double>(x, y, weight, centre, team_for(x.rows, x.cols + y.cols, threads));
    count_rows(m, weight, x.rows);
    m.finite = m.finite && !underflows(m, x, y, weight);
    return m;
}

template <class T, class I>
Moments gather(const CsrMatrix<T, I>& x, MatrixView<const T> y, VectorView<const T> weight, bool centre, int threads) {
    Moments m = sparse_moments(x, y, weight, centre, threads);
    count_rows(m, weight, x.rows());
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
