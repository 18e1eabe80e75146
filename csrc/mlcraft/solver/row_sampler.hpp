// Rows for the steps of stochastic methods: of each batch one from each of as many equal shares of the probability, so
// that sorted rows are drawn as well as shuffled ones. Half of the probability is uniform, half goes with the size of a
// row, so that a heavy row is drawn often and weighs little (Zhao and Zhang 2015). Draws depend on the seed alone.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "mlcraft/core/random_bits.hpp"
#include "mlcraft/solver/descent_problem.hpp"

namespace mlcraft {

class RowSampler {
public:
    RowSampler(const DescentProblem& problem, Index batch, std::uint64_t seed) : problem_(problem), seed_(seed) {
        const std::vector<double> sizes = problem.row_sizes();
        double total = 0;
        for (Index i = 0; i < problem.rows; ++i)
            if (sizes[i] > 0) {
                active_.push_back(i);
                total += sizes[i];
            }
        const auto n = static_cast<double>(active_.size());
        end_.reserve(active_.size());
        double sum = 0;
        for (const Index i : active_) end_.push_back(sum += 0.5 / n + 0.5 * sizes[i] / total);
        for (double& end : end_) end /= sum;
        guide_.reserve(active_.size() + 1);  // where the k-th of n equal shares begins
        Index at = 0;
        for (std::size_t k = 0; k < active_.size(); ++k) {
            while (end_[at] <= static_cast<double>(k) / n) ++at;
            guide_.push_back(at);
        }
        batch_ = std::clamp<Index>(batch, 1, static_cast<Index>(active_.size()));
        mean_size_ = total / problem.weight_sum;
        draw_next();
    }

    Index batch_size() const { return batch_; }
    Index steps_in_epoch() const { return (static_cast<Index>(active_.size()) + batch_ - 1) / batch_; }
    // Weighted mean of 1 + |scaled row|^2: what the curvature of single rows comes to under this sampling, up to 2.
    double mean_size() const { return mean_size_; }

    // The next batch, while the memory of the one after it is asked for.
    const RowBatch& draw() {
        std::swap(drawn_, next_);
        draw_next();
        problem_.ask_for(next_);
        return drawn_;
    }

private:
    void draw_next() {
        next_.rows.clear();
        next_.factor.clear();
        const auto n = static_cast<Index>(active_.size());
        for (Index k = 0; k < batch_; ++k) {
            const double unit = static_cast<double>(random_bits(seed_, counter_++) >> 11) * 0x1p-53;
            const double place = (static_cast<double>(k) + unit) / static_cast<double>(batch_);
            Index at = guide_[std::min(static_cast<Index>(place * static_cast<double>(n)), n - 1)];
            while (at + 1 < n && end_[at] <= place) ++at;
            const double share = end_[at] - (at > 0 ? end_[at - 1] : 0.0);
            const double factor = 1 / (static_cast<double>(batch_) * share * problem_.weight_sum);
            if (!next_.rows.empty() && next_.rows.back() == active_[at]) {
                next_.factor.back() += factor;
            } else {
                next_.rows.push_back(active_[at]);
                next_.factor.push_back(factor);
            }
        }
    }

    const DescentProblem& problem_;
    double mean_size_ = 1;
    std::uint64_t seed_, counter_ = 0;
    Index batch_ = 1;
    std::vector<Index> active_, guide_;
    std::vector<double> end_;
    RowBatch drawn_, next_;
};

}  // namespace mlcraft
