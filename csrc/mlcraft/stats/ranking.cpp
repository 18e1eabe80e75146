#include "mlcraft/stats/ranking.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <type_traits>
#include <utility>
#include <vector>

#include "mlcraft/core/threads.hpp"

namespace mlcraft {
namespace {

// An entry is one word: the leading bits of the score that differ, as a number that ascends as the score descends, then
// the row and its label. Three or four digits of it are sorted by radix; that tells most scores apart.
using RankEntry = std::make_unsigned_t<Index>;
constexpr int rank_digit = 11;
constexpr std::uint64_t rank_digits = std::uint64_t{1} << rank_digit;
constexpr Index rank_small = 3000;  // below, a comparison sort is faster
constexpr Index rank_lane = 1 << 17;

Index rank_lanes(Index n) { return std::clamp<Index>(n / rank_lane, 1, 16); }

std::uint64_t rank_key(double score) {
    const auto bits = std::bit_cast<std::uint64_t>(score + 0.0);  // -0 becomes 0
    return (bits >> 63) ? bits : bits ^ 0x7fffffffffffffffu;
}

struct RankLayout {
    int row_bits = 1;  // of row and label, at the end of an entry
    int lost = 0;      // bits of a score for which an entry has no room
    int sorted = 0;    // of the end of an entry that the digits do not cover
    int width = 0;     // of an entry
    bool finite = true;
};

RankLayout rank_layout(const double* score, Index n, int threads) {
    struct Keys {
        std::uint64_t every = ~std::uint64_t{0}, any = 0;  // bits that all keys have, and that some have
        double zeros = 0.0;
    };
    const Index lanes = rank_lanes(n);
    std::vector<Keys> found(static_cast<std::size_t>(lanes));
    parallel_tasks(lanes, threads, [&](Index lane) {
        Keys keys;
        for (Index i = lane * n / lanes; i < (lane + 1) * n / lanes; ++i) {
            const std::uint64_t key = rank_key(score[i]);
            keys.every &= key;
            keys.any |= key;
            keys.zeros += score[i] * 0.0;
        }
        found[lane] = keys;
    });
    Keys all;
    for (const Keys& keys : found) {
        all.every &= keys.every;
        all.any |= keys.any;
        all.zeros += keys.zeros;
    }
    RankLayout layout;
    const int key_bits = n == 0 ? 0 : std::bit_width(all.any & ~all.every);
    layout.row_bits = 1 + std::bit_width(static_cast<std::uint64_t>(n));
    layout.lost = std::max(0, key_bits + layout.row_bits - 64);
    layout.width = key_bits - layout.lost + layout.row_bits;
    layout.sorted = std::max(layout.row_bits, layout.width - (n <= (Index{1} << 22) ? 3 : 4) * rank_digit);
    layout.finite = all.zeros == 0.0;
    return layout;
}

void make_rank_entries(const double* score, const std::uint8_t* positive, Index n, const RankLayout& layout,
                       RankEntry* out, int threads) {
    const Index lanes = rank_lanes(n);
    const int key_bits = layout.width - layout.row_bits;
    const std::uint64_t kept = key_bits == 0 ? 0 : ~std::uint64_t{0} >> (64 - key_bits);
    parallel_tasks(lanes, threads, [&](Index lane) {
        for (Index i = lane * n / lanes; i < (lane + 1) * n / lanes; ++i)
            out[i] = ((rank_key(score[i]) >> layout.lost) & kept) << layout.row_bits |
                     static_cast<std::uint64_t>(i) << 1 | positive[i];
    });
}

// A stable pass over one digit. Where each lane writes follows from the counts of all lanes, so the order is the same
// for any number of threads.
void sort_by_digit(const RankEntry* from, RankEntry* to, Index n, int shift, int threads) {
    const Index lanes = rank_lanes(n);
    std::vector<Index> place(static_cast<std::size_t>(lanes) * rank_digits, 0);
    parallel_tasks(lanes, threads, [&](Index lane) {
        Index* counts = place.data() + lane * static_cast<Index>(rank_digits);
        for (Index i = lane * n / lanes; i < (lane + 1) * n / lanes; ++i) ++counts[(from[i] >> shift) % rank_digits];
    });
    Index next = 0;
    for (std::uint64_t d = 0; d < rank_digits; ++d)
        for (Index lane = 0; lane < lanes; ++lane)
            next += std::exchange(place[static_cast<std::uint64_t>(lane) * rank_digits + d], next);
    parallel_tasks(lanes, threads, [&](Index lane) {
        Index* at = place.data() + lane * static_cast<Index>(rank_digits);
        for (Index i = lane * n / lanes; i < (lane + 1) * n / lanes; ++i)
            to[at[(from[i] >> shift) % rank_digits]++] = from[i];
    });
}

// Runs that agree in the digits are few and short, unless someone means them not to be.
void sort_rank_runs(RankEntry* entries, Index n, int agree) {
    for (Index begin = 0, end = 1; begin < n; begin = end++) {
        bool sorted = true;
        for (; end < n && (entries[end] ^ entries[begin]) >> agree == 0; ++end)
            sorted = sorted && entries[end - 1] < entries[end];
        if (!sorted) std::sort(entries + begin, entries + end);
    }
}

// Scores that differ in the bits alone for which an entry has no room.
void sort_lost_bits(RankEntry* entries, const double* score, Index n, const RankLayout& layout) {
    const std::uint64_t rows = (std::uint64_t{1} << layout.row_bits) - 1;
    const auto key = [&](std::uint64_t entry) { return rank_key(score[(entry & rows) >> 1]); };
    for (Index begin = 0, end = 1; begin < n; begin = end++) {
        bool sorted = true;
        for (; end < n && (entries[end] ^ entries[begin]) >> layout.row_bits == 0; ++end)
            sorted = sorted && key(entries[end - 1]) <= key(entries[end]);
        if (!sorted)
            std::stable_sort(entries + begin, entries + end,
                             [&](std::uint64_t a, std::uint64_t b) { return key(a) < key(b); });
    }
}

RankEntry* sort_rank_entries(RankEntry* entries, RankEntry* other, const double* score, Index n,
                             const RankLayout& layout, int threads) {
    if (n < rank_small) {
        std::sort(entries, entries + n);
    } else {
        for (int shift = layout.sorted; shift < layout.width; shift += rank_digit) {
            sort_by_digit(entries, other, n, shift, threads);
            std::swap(entries, other);
        }
        if (layout.sorted > layout.row_bits) sort_rank_runs(entries, n, layout.sorted);
    }
    if (layout.lost > 0) sort_lost_bits(entries, score, n, layout);
    return entries;
}

// Adds up a run of equal scores: the weight of its positives and of its negatives.
std::pair<double, double> run_weights(const RankedRows& ranked, Index run) {
    const Index begin = ranked.start[run], end = ranked.start[run + 1];
    double positive = 0.0, negative = 0.0;
    if (ranked.weight == nullptr) {
        Index count = ranked.order[begin] & 1;
        for (Index i = begin + 1; i < end; ++i) count += ranked.order[i] & 1;
        return {static_cast<double>(count), static_cast<double>(end - begin - count)};
    }
    for (Index i = begin; i < end; ++i)
        (ranked.order[i] & 1 ? positive : negative) += ranked.weight[ranked.order[i] >> 1];
    return {positive, negative};
}

std::pair<double, double> class_weights(const RankedRows& ranked) {
    const Index n = ranked.start[ranked.runs];
    if (ranked.weight == nullptr) {
        Index count = 0;
        for (Index i = 0; i < n; ++i) count += ranked.order[i] & 1;
        return {static_cast<double>(count), static_cast<double>(n - count)};
    }
    double positives = 0.0, negatives = 0.0;
    for (Index run = 0; run < ranked.runs; ++run) {
        const auto [positive, negative] = run_weights(ranked, run);
        positives += positive;
        negatives += negative;
    }
    return {positives, negatives};
}

}  // namespace

Index rank_rows(const double* score, const std::uint8_t* positive, Index n, Index* order, Index* start, int threads) {
    const RankLayout layout = rank_layout(score, n, threads);
    if (!layout.finite) return -1;
    // the results' own memory holds the entries meanwhile
    auto *first = reinterpret_cast<RankEntry*>(order), *second = reinterpret_cast<RankEntry*>(start);
    make_rank_entries(score, positive, n, layout, first, threads);
    const RankEntry* sorted = sort_rank_entries(first, second, score, n, layout, threads);
    const std::uint64_t rows = (std::uint64_t{1} << layout.row_bits) - 1;
    Index runs = 0;
    std::uint64_t before = 0;
    for (Index i = 0; i < n; ++i) {
        const std::uint64_t entry = sorted[i];  // read before order[i] or start[runs], runs <= i, takes its place
        order[i] = static_cast<Index>(entry & rows);
        const bool same =
            i > 0 && (entry ^ before) <= rows && (layout.lost == 0 || score[order[i] >> 1] == score[order[i - 1] >> 1]);
        if (!same) start[runs++] = i;
        before = entry;
    }
    start[runs] = n;
    return runs;
}

RankingSums ranking_sums(const RankedRows& ranked, double* true_positives, double* false_positives) {
    const auto [positives, negatives] = class_weights(ranked);
    double above_positive = 0.0, above_negative = 0.0;
    double pairs = 0.0, precision = 0.0,
           furthest = 0.0;  // won pairs; positives times the precision where they are found
    Index furthest_run = 0;
    for (Index run = 0; run < ranked.runs; ++run) {
        const auto [positive, negative] = run_weights(ranked, run);
        pairs += negative * (above_positive + 0.5 * positive);
        above_positive += positive;
        above_negative += negative;
        const double called = above_positive + above_negative;  // 0 only where weights are
        precision += positive * (above_positive / (called == 0.0 ? 1.0 : called));
        const double apart = std::abs(above_positive * negatives - above_negative * positives);
        furthest_run = apart > furthest ? run : furthest_run;
        furthest = std::max(apart, furthest);
        if (true_positives != nullptr) {
            true_positives[run] = above_positive;
            false_positives[run] = above_negative;
        }
    }
    const double nan = std::numeric_limits<double>::quiet_NaN();
    const bool both = positives > 0.0 && negatives > 0.0;
    RankingSums sums;
    sums.positives = positives;
    sums.negatives = negatives;
    sums.roc_auc = both ? pairs / (positives * negatives) : nan;
    sums.average_precision = positives > 0.0 ? precision / positives : 0.0;
    sums.distance = both ? furthest / (positives * negatives) : nan;
    sums.run = furthest_run;
    return sums;
}

void ranking_placements(const RankedRows& ranked, double* out) {
    const auto [positives, negatives] = class_weights(ranked);
    double above_positive = 0.0, above_negative = 0.0;
    for (Index run = 0; run < ranked.runs; ++run) {
        const auto [positive, negative] = run_weights(ranked, run);
        const double of_negative = (above_positive + 0.5 * positive) / positives;
        above_positive += positive;
        const double of_positive = (negatives - above_negative - 0.5 * negative) / negatives;
        above_negative += negative;
        for (Index i = ranked.start[run]; i < ranked.start[run + 1]; ++i)
            out[ranked.order[i] >> 1] = ranked.order[i] & 1 ? of_positive : of_negative;
    }
}

std::array<Index, 2> ranking_shape(std::string_view what, const RankedRows& ranked, Index n) {
    if (what == "curve") return {2, ranked.runs};
    return {1, what == "sums" ? 6 : n};
}

void ranking_pass(std::string_view what, const RankedRows& ranked, double* out) {
    if (what == "placements") return ranking_placements(ranked, out);
    const bool curve = what == "curve";
    const RankingSums s = ranking_sums(ranked, curve ? out : nullptr, curve ? out + ranked.runs : nullptr);
    const std::array<double, 6> sums{s.positives,         s.negatives, s.roc_auc,
                                     s.average_precision, s.distance,  static_cast<double>(s.run)};
    if (!curve) std::copy(sums.begin(), sums.end(), out);
}

}  // namespace mlcraft
