#include "mlcraft/stats/folds.hpp"

#include <algorithm>
#include <atomic>
#include <thread>

#include "mlcraft/core/buffer.hpp"
#include "mlcraft/core/threads.hpp"

namespace mlcraft {
namespace {

constexpr Index rows_per_fold_lane = 4096;  // of a fold
constexpr Index gathered_rows = 1200;       // five panels of the moments' own sweep
constexpr Index lane_memory = 1 << 23;      // elements of all accumulators together, about

Moments no_rows(Index features, Index targets, bool centre) {
    Moments m;
    m.features = features;
    m.targets = targets;
    m.centred = centre;
    m.x_mean.assign(features, 0.0);
    m.y_mean.assign(targets, 0.0);
    m.xx.assign(features * features, 0.0);
    m.xy.assign(features * targets, 0.0);
    m.yy.assign(targets, 0.0);
    m.x_size.assign(features, 0.0);
    return m;
}

// Rows that need not lie together, as double, a chunk at a time.
template <class T>
class Gathered {
public:
    Gathered(MatrixView<const T> x, MatrixView<const T> y, VectorView<const T> weight)
        : x_(x), y_(y), weight_(weight), features_(gathered_rows * x.cols + 1), targets_(gathered_rows * y.cols),
          weights_(gathered_rows) {}

    Moments moments(const std::int64_t* order, Index count, bool centre) {
        for (Index i = 0; i < count; ++i) {
            const Index row = order[i];
            for (Index j = 0; j < x_.cols; ++j) features_.data[i * x_.cols + j] = static_cast<double>(x_(row, j));
            for (Index t = 0; t < y_.cols; ++t) targets_.data[i * y_.cols + t] = static_cast<double>(y_(row, t));
            if (weight_) weights_.data[i] = static_cast<double>(weight_[row]);
        }
        const MatrixView<const double> x{features_.data, count, x_.cols, x_.cols, 1};
        const MatrixView<const double> y{targets_.data, count, y_.cols, y_.cols, 1};
        VectorView<const double> w{};
        if (weight_) w = {weights_.data, count, 1};
        return dense_moments<double, double>(x, y, w, centre, 1);
    }

private:
    MatrixView<const T> x_, y_;
    VectorView<const T> weight_;
    AlignedBuffer<double> features_, targets_, weights_;
};

bool lie_together(const std::int64_t* order, Index count) {
    for (Index i = 1; i < count; ++i)
        if (order[i] != order[i - 1] + 1) return false;
    return true;
}

template <class T>
Moments lane_moments(MatrixView<const T> x, MatrixView<const T> y, VectorView<const T> weight,
                     const std::int64_t* order, Index count, bool centre) {
    if (count == 0) return no_rows(x.cols, y.cols, centre);
    if (lie_together(order, count))
        return dense_moments<T, double>(x.row_range(order[0], count), y.row_range(order[0], count),
                                        weight.slice(order[0], weight ? count : 0), centre, 1);
    Gathered<T> gathered(x, y, weight);
    Moments sum = gathered.moments(order, std::min(gathered_rows, count), centre);
    for (Index from = gathered_rows; from < count; from += gathered_rows)
        merge(sum, gathered.moments(order + from, std::min(gathered_rows, count - from), centre));
    return sum;
}

}  // namespace

template <class T>
std::vector<Moments> fold_moments(MatrixView<const T> x, MatrixView<const T> y, VectorView<const T> weight,
                                  const std::vector<std::int64_t>& order, const std::vector<std::int64_t>& starts,
                                  bool centre, int threads) {
    const Index folds = static_cast<Index>(starts.size()) - 1, width = x.cols + y.cols + 16;
    const Index most = std::max<Index>(1, lane_memory / (width * width) / std::max<Index>(folds, 1));
    struct Task {
        Index fold, begin, end;
    };
    std::vector<Task> tasks;
    for (Index f = 0; f < folds; ++f) {
        const Index begin = starts[f], count = starts[f + 1] - begin;
        const Index lanes = std::clamp<Index>(count / rows_per_fold_lane, 1, std::min<Index>(most, 16));
        for (Index lane = 0; lane < lanes; ++lane)
            tasks.push_back({f, begin + lane * count / lanes, begin + (lane + 1) * count / lanes});
    }
    std::vector<Moments> parts(tasks.size());
    InterruptPoll interrupt;
    std::atomic<bool> stopped{false};
    const std::thread::id caller = std::this_thread::get_id();
    parallel_tasks(static_cast<Index>(tasks.size()), threads, [&](Index index) {
        if (stopped) return;
        const Task& task = tasks[index];
        parts[index] = lane_moments(x, y, weight, order.data() + task.begin, task.end - task.begin, centre);
        if (std::this_thread::get_id() == caller && interrupt.poll()) stopped = true;
    });
    std::vector<Moments> result(static_cast<std::size_t>(folds));
    for (std::size_t index = 0; index < tasks.size() && !stopped; ++index) {
        Moments& fold = result[tasks[index].fold];
        if (fold.xx.empty() && fold.x_mean.empty())
            fold = std::move(parts[index]);
        else
            merge(fold, parts[index]);
    }
    for (Moments& fold : result) fold.interrupted = interrupt.stopped();
    return result;
}

std::vector<Moments> left_out_moments(const std::vector<Moments>& parts) {
    const std::size_t count = parts.size();
    if (count == 0) return {};
    std::vector<Moments> others(count);
    others[count - 1] = no_rows(parts[0].features, parts[0].targets, parts[0].centred);
    for (std::size_t f = count - 1; f-- > 0;) {  // what comes after
        others[f] = others[f + 1];
        merge(others[f], parts[f + 1]);
    }
    Moments before = parts[0];
    for (std::size_t f = 1; f < count; ++f) {
        merge(others[f], before);
        if (f + 1 < count) merge(before, parts[f]);
    }
    return others;
}

template std::vector<Moments> fold_moments<double>(MatrixView<const double>, MatrixView<const double>,
                                                   VectorView<const double>, const std::vector<std::int64_t>&,
                                                   const std::vector<std::int64_t>&, bool, int);
template std::vector<Moments> fold_moments<float>(MatrixView<const float>, MatrixView<const float>,
                                                  VectorView<const float>, const std::vector<std::int64_t>&,
                                                  const std::vector<std::int64_t>&, bool, int);

}  // namespace mlcraft
