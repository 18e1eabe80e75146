#include "mlcraft/stats/order_bounds.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <thread>
#include <vector>

#include "mlcraft/core/buffer.hpp"
#include "mlcraft/core/threads.hpp"
#include "mlcraft/simd/kernels.hpp"

namespace mlcraft {
namespace {

constexpr Index points_together = 12;        // whose predictions are made in one sweep over the weights
constexpr Index weights_in_cache = 1 << 13;  // elements, about
constexpr Index too_few_to_sample = 512, look_at = 16;
constexpr double infinite = std::numeric_limits<double>::infinity();

// Where the value of a rank was for the last points, and how far it may have moved.
struct Guess {
    double at = 0, reach = -1;  // below zero: nothing is known

    void learn(double value, double width) {
        const double moved = std::abs(value - at);
        reach = reach < 0 ? width : 0.75 * std::max(reach, moved) + 0.75 * moved;
        at = value;
        if (!std::isfinite(at) || !std::isfinite(reach)) reach = -1;
    }
};

// Finds values of given ranks among n, of which there may be many.
class Selection {
public:
    explicit Selection(Index n)
        : n_(n), sample_size_(static_cast<Index>(std::pow(static_cast<double>(n), 2.0 / 3.0))), kept_(n + look_at),
          sample_(sample_size_ + 1) {}

    // The rank-th smallest, counted from one; `values` stay as they are.
    double find(const double* values, Index rank, Guess& guess) {
        if (rank < 1) return -infinite;
        if (rank > n_) return infinite;
        double found = 0;
        if (n_ > too_few_to_sample) {
            if (guess.reach >= 0 && within(values, rank, guess.at - guess.reach, guess.at + guess.reach, found)) {
                guess.learn(found, 0.0);
                return found;
            }
            const double share = static_cast<double>(rank) / static_cast<double>(n_);
            const double size = static_cast<double>(sample_size_);
            const double slack = 3.0 * std::sqrt(size * share * (1.0 - share)) + 2.0;
            const auto [low, high] = bracket(values, share * size - slack, share * size + slack);
            if (within(values, rank, low, high, found)) {
                guess.learn(found, (high - low) / 4.0);
                return found;
            }
        }
        std::copy_n(values, n_, kept_.data);
        return smallest(n_, rank);
    }

private:
    // Whether the value wanted is in [low, high]: most values need no more than two comparisons each.
    bool within(const double* values, Index rank, double low, double high, double& found) {
        Index below = 0, count = 0;
        for (Index i = 0; i < n_; i += look_at) {
            const Index here = std::min(look_at, n_ - i);
            const double* v = values + i;
            Index under = 0, up_to = 0;
            if (here == look_at) {
                for (Index k = 0; k < look_at; ++k) {
                    under += static_cast<Index>(v[k] < low);
                    up_to += static_cast<Index>(v[k] <= high);
                }
            } else {
                for (Index k = 0; k < here; ++k) {
                    under += static_cast<Index>(v[k] < low);
                    up_to += static_cast<Index>(v[k] <= high);
                }
            }
            below += under;
            if (under == up_to) continue;
            for (Index k = 0; k < here; ++k) {  // no branches: they would often be guessed wrong
                kept_.data[count] = v[k];
                count += static_cast<Index>((v[k] >= low) & (v[k] <= high));
            }
        }
        if (rank <= below || rank > below + count) return false;
        found = smallest(count, rank - below);
        return true;
    }

    std::pair<double, double> bracket(const double* values, double from, double to) {
        for (Index k = 0; k < sample_size_; ++k) sample_.data[k] = values[k * n_ / sample_size_];
        double* const end = sample_.data + sample_size_;
        const Index first = static_cast<Index>(std::floor(from)), last = static_cast<Index>(std::ceil(to));
        double *at = sample_.data, low = -infinite, high = infinite;
        if (first >= 0) {
            at += std::min(first, sample_size_ - 1);
            std::nth_element(sample_.data, at, end);
            low = *at;
        }
        if (last < sample_size_) {
            std::nth_element(at, sample_.data + last, end);
            high = sample_.data[last];
        }
        return {low, high};
    }

    double smallest(Index count, Index rank) {
        std::nth_element(kept_.data, kept_.data + rank - 1, kept_.data + count);
        return kept_.data[rank - 1];
    }

    const Index n_, sample_size_;
    const AlignedBuffer<double> kept_, sample_;
};

class OrderBoundsPass {
public:
    OrderBoundsPass(const OrderBounds& problem, double* out)
        : p_(problem), out_(out), select_(problem.rows), predictions_(points_together * problem.rows + 1),
          values_(problem.rows + 1), guesses_(static_cast<std::size_t>(2 * problem.levels)) {}

    void run(Index begin, Index count) {
        if (p_.member == nullptr) predict(begin, count);
        for (Index k = 0; k < count; ++k) {
            double* predicted = predictions_.data + k * p_.rows;
            const double* left = p_.left + (begin + k) * p_.width;
            if (p_.member != nullptr)
                for (Index i = 0; i < p_.rows; ++i) predicted[i] = left[p_.member[i]];
            for (Index side = 0; side < 2; ++side) bounds(begin + k, side, predicted);
        }
    }

private:
    // What the weights add to the base, for `count` points.
    void predict(Index begin, Index count) {
        std::fill(predictions_.data, predictions_.data + count * p_.rows, 0.0);
        const Index step = std::max<Index>(16, weights_in_cache / std::max<Index>(p_.width, 1));
        for (Index i = 0; i < p_.rows; i += step)
            simd::kernels().f64.multi_dots(p_.weights + i * p_.width, p_.width, std::min(step, p_.rows - i), p_.width,
                                           p_.left + begin * p_.width, p_.width, count, predictions_.data + i, p_.rows);
    }

    void bounds(Index point, Index side, const double* predicted) {
        const double* offset = p_.offset + side * p_.rows;
        const double scale = p_.scale == nullptr ? 1.0 : p_.scale[point], no_number = side == 0 ? -infinite : infinite;
        for (Index i = 0; i < p_.rows; ++i) {
            const double v = predicted[i] + scale * offset[i];
            values_.data[i] = v == v ? v : no_number;
        }
        const double base = p_.base == nullptr ? 0.0 : p_.base[point];
        for (Index l = side * p_.levels; l < (side + 1) * p_.levels; ++l)
            out_[point * 2 * p_.levels + l] =
                base + select_.find(values_.data, p_.rank[l], guesses_[static_cast<std::size_t>(l)]);
    }

    const OrderBounds& p_;
    double* const out_;
    Selection select_;
    const AlignedBuffer<double> predictions_, values_;
    std::vector<Guess> guesses_;
};

}  // namespace

Status order_bounds(const OrderBounds& problem, double* out, int threads) {
    const Index blocks = (problem.points + points_together - 1) / points_together;
    const Index tasks = std::min<Index>(blocks, 64);  // each has its own memory while it runs
    InterruptPoll interrupt;
    std::atomic<bool> stopped{false};
    const std::thread::id caller = std::this_thread::get_id();
    parallel_tasks(tasks, threads, [&](Index task) {
        OrderBoundsPass pass(problem, out);
        for (Index block = task * blocks / tasks; block < (task + 1) * blocks / tasks && !stopped; ++block) {
            const Index begin = block * points_together;
            pass.run(begin, std::min(points_together, problem.points - begin));
            if (std::this_thread::get_id() == caller && interrupt.poll()) stopped = true;
        }
    });
    return interrupt.stopped() ? Status::interrupted : Status::converged;
}

}  // namespace mlcraft
