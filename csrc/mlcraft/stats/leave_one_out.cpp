#include "mlcraft/stats/leave_one_out.hpp"

#include <algorithm>
#include <atomic>
#include <thread>

#include "mlcraft/core/threads.hpp"
#include "mlcraft/stats/row_products.hpp"

namespace mlcraft {
namespace {

constexpr Index rows_in_task = 1024;  // between two looks at an interrupt

// One lane of rows: its own sums, so that the result does not depend on who computes it.
class Lane {
public:
    Lane(const RowSource& rows, const LeaveOneOutPlan& plan, const RowProducts& products, double* errors)
        : rows_(rows), plan_(plan), products_(products), errors_(errors), strip_(products.strip_size()),
          out_(products.rows_at_a_time() * products.width()), y_(products.rows_at_a_time() * plan.targets),
          weight_(products.rows_at_a_time()), square_(plan.directions), leverage_(plan.penalties) {}

    void run(Index begin, Index end, LeaveOneOutErrors& result) {
        const Index at_a_time = products_.rows_at_a_time();
        for (Index from = begin; from < end; from += at_a_time) {
            const Index count = std::min(at_a_time, end - from);
            products_.multiply(rows_, nullptr, from, count, strip_.data, out_.data);
            rows_.read_targets(from, count, y_.data(), at_a_time);
            rows_.read_weights(from, count, weight_.data());
            for (Index i = 0; i < count; ++i) row(from + i, i, out_.data + i * products_.width(), result);
        }
    }

private:
    void row(Index index, Index i, const double* product, LeaveOneOutErrors& result) {
        const Index r = plan_.directions, k = plan_.targets, a = plan_.penalties;
        const double w = weight_[i];
        for (Index j = 0; j < r; ++j) square_[j] = product[j] * product[j];
        std::fill(leverage_.begin(), leverage_.end(), plan_.mean_leverage);
        simd::kernels().f64.dots(plan_.leverage_weight, r, a, r, square_.data(), leverage_.data());
        for (Index c = 0; c < a; ++c) {
            const double left = 1.0 - w * leverage_[c];
            const bool reliable = left > plan_.smallest;
            if (!reliable) result.unreliable[c].push_back(index);
            for (Index t = 0; t < k; ++t) {
                const double residual =
                    y_[t * products_.rows_at_a_time() + i] - plan_.y_mean[t] - product[r + c * k + t];
                const double error = residual / left;
                if (reliable) result.squares[c * k + t] += w * error * error;
                if (errors_ != nullptr) errors_[(index * k + t) * a + c] = error;
            }
        }
    }

    const RowSource& rows_;
    const LeaveOneOutPlan& plan_;
    const RowProducts& products_;
    double* errors_;
    AlignedBuffer<double> strip_, out_;
    std::vector<double> y_, weight_, square_, leverage_;
};

LeaveOneOutErrors no_errors(const LeaveOneOutPlan& plan) {
    LeaveOneOutErrors none;
    none.squares.assign(static_cast<std::size_t>(plan.penalties * plan.targets), 0.0);
    none.unreliable.resize(static_cast<std::size_t>(plan.penalties));
    return none;
}

}  // namespace

LeaveOneOutErrors leave_one_out(const RowSource& rows, const LeaveOneOutPlan& plan, double* errors, int threads) {
    const Index n = rows.rows, columns = plan.directions + plan.penalties * plan.targets;
    const RowProducts products(plan.mean, plan.right, plan.features, columns);
    const Index lanes = std::clamp<Index>(n / rows_in_task, 1, 64);
    std::vector<LeaveOneOutErrors> parts(static_cast<std::size_t>(lanes), no_errors(plan));
    InterruptPoll interrupt;
    std::atomic<bool> stopped{false};
    const std::thread::id caller = std::this_thread::get_id();
    parallel_tasks(lanes, threads, [&](Index lane) {
        Lane worker(rows, plan, products, errors);
        const Index last = (lane + 1) * n / lanes;
        for (Index begin = lane * n / lanes; begin < last && !stopped; begin += rows_in_task) {
            worker.run(begin, std::min(last, begin + rows_in_task), parts[lane]);
            if (std::this_thread::get_id() == caller && interrupt.poll()) stopped = true;
        }
    });
    LeaveOneOutErrors total = no_errors(plan);
    total.interrupted = interrupt.stopped();
    for (const LeaveOneOutErrors& part : parts) {
        for (std::size_t e = 0; e < total.squares.size(); ++e) total.squares[e] += part.squares[e];
        for (std::size_t c = 0; c < total.unreliable.size(); ++c)
            total.unreliable[c].insert(total.unreliable[c].end(), part.unreliable[c].begin(), part.unreliable[c].end());
    }
    return total;
}

bool centred_products(const RowSource& rows, const Index* order, Index count, const double* mean, const double* right,
                      Index columns, double* out, int threads) {
    const RowProducts products(mean, right, rows.cols, columns);
    const Index tasks = (count + rows_in_task - 1) / rows_in_task, at_a_time = products.rows_at_a_time();
    InterruptPoll interrupt;
    std::atomic<bool> stopped{false};
    const std::thread::id caller = std::this_thread::get_id();
    parallel_tasks(tasks, threads, [&](Index task) {
        if (stopped) return;
        const AlignedBuffer<double> strip(products.strip_size()), block(at_a_time * products.width());
        const Index last = std::min(count, (task + 1) * rows_in_task);
        for (Index begin = task * rows_in_task; begin < last; begin += at_a_time) {
            const Index size = std::min(at_a_time, last - begin);
            products.multiply(rows, order, begin, size, strip.data, block.data);
            for (Index i = 0; i < size; ++i)
                std::copy_n(block.data + i * products.width(), columns, out + (begin + i) * columns);
        }
        if (std::this_thread::get_id() == caller && interrupt.poll()) stopped = true;
    });
    return !interrupt.stopped();
}

}  // namespace mlcraft
