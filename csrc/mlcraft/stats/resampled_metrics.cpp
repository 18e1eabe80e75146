#include "mlcraft/stats/resampled_metrics.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>
#include <vector>

#include "mlcraft/core/random_bits.hpp"
#include "mlcraft/core/threads.hpp"

namespace mlcraft {
namespace {

using DrawCount = std::uint16_t;  // of n draws from n units none occurs 65,536 times

// The draws of stats/resample.hpp, kind pairs: the share of a word is taken as a whole number here, not as a double.
void count_draws(const UnitDraws& draws, Index resample, DrawCount* counts) {
    const auto units = static_cast<std::uint64_t>(draws.units);
    const std::uint64_t stream = random_bits(draws.seed, static_cast<std::uint64_t>(resample));
    std::fill(counts, counts + draws.units, DrawCount{0});
    for (std::uint64_t d = 0; d < units; ++d)
        ++counts[static_cast<std::uint64_t>(static_cast<unsigned __int128>(random_bits(stream, d)) * units >> 64)];
}

// Calls body(resample, counts) for each resample; whoever runs a task has counts of its own.
template <class Body>
Status over_resamples(const UnitDraws& draws, Index first, Index count, int threads, Body&& body) {
    InterruptPoll poll;
    // a look at Ctrl-C every few hundredths of a second, and no more ends of teams than that takes
    const Index at_once = std::clamp<Index>(Index{8'000'000} / std::max<Index>(draws.units, 1), 1, 1'000) *
                          static_cast<Index>(std::max(threads, 1));
    for (Index begin = 0; begin < count; begin += at_once) {
        const Index tasks = std::min(at_once, count - begin);
        parallel_tasks(std::min<Index>(tasks, threads), threads, [&](Index part) {
            std::vector<DrawCount> counts(static_cast<std::size_t>(draws.units));
            for (Index r = begin + part; r < begin + tasks; r += std::min<Index>(tasks, threads)) {
                count_draws(draws, first + r, counts.data());
                body(r, counts.data());
            }
        });
        if (poll.poll()) return Status::interrupted;
    }
    return Status::converged;
}

// The rows of a ranking as one pass reads them: where the count of a row stands, its label, and whether a run ends.
struct RankedDraws {
    std::vector<std::uint32_t> place;  // four times the unit, plus twice whether the run ends, plus the label
    std::vector<double> weight;

    RankedDraws(const RankedRows& ranked, Index n, const UnitDraws& draws)
        : place(static_cast<std::size_t>(n)), weight(ranked.weight == nullptr ? 0 : static_cast<std::size_t>(n)) {
        for (Index run = 0; run < ranked.runs; ++run)
            for (Index j = ranked.start[run]; j < ranked.start[run + 1]; ++j) {
                const Index row = ranked.order[j] >> 1, unit = draws.unit == nullptr ? row : draws.unit[row];
                const Index last = j + 1 == ranked.start[run + 1] ? 2 : 0;
                place[j] = static_cast<std::uint32_t>(4 * unit + last + (ranked.order[j] & 1));
                if (ranked.weight != nullptr) weight[j] = ranked.weight[row];
            }
    }
};

// Amounts are whole numbers without weights, so that their sums are exact; four times a count of pairs fits in 64 bits.
template <bool Weighted, RankingMetric Metric>
double ranking_of_draws(const RankedDraws& rows, const DrawCount* counts) {
    using Amount = std::conditional_t<Weighted, double, std::uint64_t>;
    const Index n = static_cast<Index>(rows.place.size());
    const auto amount = [&](Index j, std::uint32_t place) {
        if constexpr (Weighted)
            return counts[place >> 2] * rows.weight[j];
        else
            return static_cast<Amount>(counts[place >> 2]);
    };
    double all_positives = 0.0, all_negatives = 0.0, distance = 0.0, precision = 0.0;
    if constexpr (Metric == RankingMetric::distance)
        for (Index j = 0; j < n; ++j) {
            const std::uint32_t place = rows.place[j];
            (place & 1 ? all_positives : all_negatives) += static_cast<double>(amount(j, place));
        }
    Amount positives = 0, negatives = 0, pairs = 0, run_positives = 0, run_negatives = 0;
    for (Index j = 0; j < n; ++j) {
        const std::uint32_t place = rows.place[j];
        const Amount drawn = amount(j, place), positive = place & 1 ? drawn : Amount{0};
        run_positives += positive;
        run_negatives += drawn - positive;
        if (!(place & 2)) continue;
        if constexpr (Metric == RankingMetric::roc_auc) pairs += run_negatives * (2 * positives + run_positives);
        positives += run_positives;
        negatives += run_negatives;
        if constexpr (Metric == RankingMetric::average_precision)
            if (run_positives > 0)
                precision += static_cast<double>(run_positives) *
                             (static_cast<double>(positives) / static_cast<double>(positives + negatives));
        if constexpr (Metric == RankingMetric::distance)
            distance = std::max(distance, std::abs(static_cast<double>(positives) / all_positives -
                                                   static_cast<double>(negatives) / all_negatives));
        run_positives = run_negatives = 0;
    }
    const double p = static_cast<double>(positives), q = static_cast<double>(negatives);
    if (p <= 0.0 || (q <= 0.0 && Metric != RankingMetric::average_precision))
        return std::numeric_limits<double>::quiet_NaN();
    if constexpr (Metric == RankingMetric::roc_auc) return 0.5 * static_cast<double>(pairs) / (p * q);
    return Metric == RankingMetric::distance ? distance : precision / p;
}

template <bool Weighted>
double ranking_of_draws(RankingMetric metric, const RankedDraws& rows, const DrawCount* counts) {
    switch (metric) {
        case RankingMetric::roc_auc: return ranking_of_draws<Weighted, RankingMetric::roc_auc>(rows, counts);
        case RankingMetric::distance: return ranking_of_draws<Weighted, RankingMetric::distance>(rows, counts);
        default: return ranking_of_draws<Weighted, RankingMetric::average_precision>(rows, counts);
    }
}

}  // namespace

Status resampled_rankings(const RankedRows& ranked, Index n, RankingMetric metric, const UnitDraws& draws, Index first,
                          Index count, double* out, int threads) {
    const RankedDraws rows(ranked, n, draws);
    return over_resamples(draws, first, count, threads, [&](Index r, const DrawCount* counts) {
        out[r] = ranked.weight == nullptr ? ranking_of_draws<false>(metric, rows, counts)
                                          : ranking_of_draws<true>(metric, rows, counts);
    });
}

Status resampled_columns(const double* values, Index columns, const UnitDraws& draws, Index first, Index count,
                         double* out, int threads) {
    return over_resamples(draws, first, count, threads, [&](Index r, const DrawCount* counts) {
        double* sums = out + r * columns;
        std::fill(sums, sums + columns, 0.0);
        for (Index u = 0; u < draws.units; ++u) {
            const double drawn = counts[u];
            for (Index j = 0; j < columns; ++j) sums[j] += drawn * values[u * columns + j];
        }
    });
}

}  // namespace mlcraft
