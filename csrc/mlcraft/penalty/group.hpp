// Group lasso: sum over groups of l_g |b_g|_2 with l_g = alpha sqrt(size of g) (Yuan and Lin 2006). With one step t for
// a group its prox is b_g max(0, 1 - t l_g / |b_g|); with a step for each coordinate it is b_j / (1 + t_j l_g / r),
// where r, the norm of the result, solves sum_j b_j^2 / (r + t_j l_g)^2 = 1; r = 0 where sum_j (b_j / t_j)^2 <= l_g^2.
#pragma once

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "mlcraft/penalty/penalty.hpp"

namespace mlcraft {

class GroupPenalty final : public Penalty {
public:
    GroupPenalty(double alpha, const std::vector<Index>& groups) : order_(groups.size()) {
        std::iota(order_.begin(), order_.end(), Index(0));
        std::stable_sort(order_.begin(), order_.end(), [&](Index a, Index b) { return groups[a] < groups[b]; });
        for (std::size_t k = 0; k < order_.size(); ++k)
            if (k == 0 || groups[order_[k]] != groups[order_[k - 1]]) start_.push_back(static_cast<Index>(k));
        start_.push_back(static_cast<Index>(order_.size()));
        for (std::size_t g = 0; g + 1 < start_.size(); ++g)
            strength_.push_back(alpha * std::sqrt(static_cast<double>(start_[g + 1] - start_[g])));
    }

    double value(const double* b, Index) const override {
        double sum = 0;
        for (std::size_t g = 0; g < strength_.size(); ++g) sum += strength_[g] * norm(g, b);
        return sum;
    }
    void prox(double* b, const double* step, Index) const override {
        for (std::size_t g = 0; g < strength_.size(); ++g) {
            const double radius = norm_of_prox(g, b, step);
            for_each(g, [&](Index j) {
                if (step[j] > 0) b[j] = radius > 0 ? b[j] * (radius / (radius + step[j] * strength_[g])) : 0.0;
            });
        }
    }
    void violation(const double* b, const double* g, const double*, double* out, Index) const override {
        for (std::size_t k = 0; k < strength_.size(); ++k) {
            const double size = norm(k, b), steep = norm(k, g);
            for_each(k, [&](Index j) {
                if (size > 0)
                    out[j] = std::abs(g[j] + strength_[k] * (b[j] / size));
                else
                    out[j] = steep <= strength_[k] ? 0.0 : std::abs(g[j]) * (1 - strength_[k] / steep);
            });
        }
    }

private:
    template <class Body>
    void for_each(std::size_t g, Body&& body) const {
        for (Index k = start_[g]; k < start_[g + 1]; ++k) body(order_[k]);
    }
    double norm(std::size_t g, const double* b) const {
        double largest = 0, sum = 0;
        for_each(g, [&](Index j) { largest = std::isnan(b[j]) ? b[j] : std::max(largest, std::abs(b[j])); });
        if (!(largest > 0) || !std::isfinite(largest)) return largest;
        for_each(g, [&](Index j) { sum += (b[j] / largest) * (b[j] / largest); });
        return largest * std::sqrt(sum);
    }
    // Newton on h(r)^(-1/2) = 1 with h the sum above: concave, so from r = 0 it rises to the root; one step where the
    // steps of the group are the same.
    double norm_of_prox(std::size_t g, const double* b, const double* step) const {
        const double strength = strength_[g];
        if (!(strength > 0)) return norm(g, b);
        double radius = 0;
        for (int iteration = 0; iteration < 100; ++iteration) {
            double h = 0, slope = 0;
            for_each(g, [&](Index j) {
                if (!(step[j] > 0) || b[j] == 0) return;
                const double part = b[j] / (radius + step[j] * strength);
                h += part * part;
                slope += part * part / (radius + step[j] * strength);
            });
            if (radius == 0 && !(h > 1)) return 0;
            const double next = radius + (std::sqrt(h) - 1) * h / slope;
            if (!(next > radius * (1 + 4 * eps))) return std::max(radius, next);
            radius = next;
        }
        return radius;
    }

    std::vector<Index> order_, start_;
    std::vector<double> strength_;
};

}  // namespace mlcraft
