#include "mlcraft/stats/resample.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "mlcraft/core/random_bits.hpp"
#include "mlcraft/core/threads.hpp"

namespace mlcraft {
namespace {

double unit_interval(std::uint64_t bits) { return static_cast<double>(bits >> 11) * 0x1p-53; }

// A whole number below `size`; the largest argument, 1 - 2^-53, times size rounds to less than size.
Index below(std::uint64_t bits, Index size) {
    return static_cast<Index>(unit_interval(bits) * static_cast<double>(size));
}

// Calls each(begin, end) for the places of each stratum.
template <class Each>
void for_strata(const Resampling& resampling, Each&& each) {
    if (resampling.start == nullptr) return each(Index{0}, resampling.units);
    for (Index s = 0; s < resampling.strata; ++s) each(resampling.start[s], resampling.start[s + 1]);
}

// Poisson with mean one by inversion: P(N <= k) times 2^64.
Index poisson(std::uint64_t bits) {
    static const auto table = [] {
        std::vector<std::uint64_t> bounds;
        long double term = std::exp(-1.0L), sum = 0;
        for (int k = 0; k < 20; ++k) {
            sum += term;
            term /= k + 1;
            bounds.push_back(sum < 1 ? static_cast<std::uint64_t>(std::ldexp(sum, 64)) : ~std::uint64_t{0});
        }
        return bounds;
    }();
    Index n = 0;
    for (int k = 0; k < 4; ++k) n += bits >= table[k];
    while (n >= 4 && n < 20 && bits >= table[n]) ++n;
    return n;
}

double multiplier(ResampleKind kind, std::uint64_t bits) {
    const double golden = (1 + std::sqrt(5.0)) / 2;
    if (kind == ResampleKind::rademacher) return bits >> 63 ? 1.0 : -1.0;
    if (kind == ResampleKind::mammen) return unit_interval(bits) < golden / std::sqrt(5.0) ? 1 - golden : golden;
    const Index draw = below(bits, 6);
    return (draw < 3 ? -1 : 1) * std::sqrt(static_cast<double>(draw % 3 + 1) / 2);
}

// As many draws as there are places. Up to 2^16 places two draws share 64 bits: each place then has its probability to
// one part in 2^16 of itself, far below what any number of resamples could show.
template <class At>
void count_draws(Index begin, Index end, std::uint64_t stream, At&& at, double* out) {
    const Index size = end - begin, draws_at_once = size <= (1 << 16) ? 2 : 1;
    for (Index k = begin; k < end; k += draws_at_once) {
        const std::uint64_t bits = random_bits(stream, static_cast<std::uint64_t>(k));
        if (draws_at_once == 1) {
            out[at(begin + below(bits, size))] += 1;
            continue;
        }
        const auto part = static_cast<std::uint64_t>(size);
        out[at(begin + static_cast<Index>((bits >> 32) * part >> 32))] += 1;
        if (k + 1 < end) out[at(begin + static_cast<Index>((bits & 0xffffffffu) * part >> 32))] += 1;
    }
}

void draw_units(const Resampling& r, std::uint64_t stream, double* out) {
    const auto at = [&](Index place) { return r.order == nullptr ? place : r.order[place]; };
    switch (r.kind) {
        case ResampleKind::pairs:
            std::fill(out, out + r.units, 0.0);
            for_strata(r, [&](Index begin, Index end) { count_draws(begin, end, stream, at, out); });
            return;
        case ResampleKind::draws:
            for_strata(r, [&](Index begin, Index end) {
                for (Index k = begin; k < end; ++k)
                    out[at(k)] = static_cast<double>(
                        at(begin + below(random_bits(stream, static_cast<std::uint64_t>(k)), end - begin)));
            });
            return;
        case ResampleKind::bayesian:
            for_strata(r, [&](Index begin, Index end) {
                double sum = 0;
                for (Index k = begin; k < end; ++k) {
                    const double u = unit_interval(random_bits(stream, static_cast<std::uint64_t>(k))) + 0x1p-54;
                    sum += out[at(k)] = -std::log(u);
                }
                const double scale = static_cast<double>(end - begin) / sum;
                for (Index k = begin; k < end; ++k) out[at(k)] *= scale;
            });
            return;
        case ResampleKind::poisson:
            for (Index k = 0; k < r.units; ++k)
                out[k] = static_cast<double>(poisson(random_bits(stream, static_cast<std::uint64_t>(k))));
            return;
        default:
            for (Index k = 0; k < r.units; ++k)
                out[k] = multiplier(r.kind, random_bits(stream, static_cast<std::uint64_t>(k)));
    }
}

}  // namespace

void resample_weights(const Resampling& resampling, Index resample, double* out, double* scratch) {
    const std::uint64_t stream = random_bits(resampling.seed, static_cast<std::uint64_t>(resample));
    if (resampling.unit == nullptr) return draw_units(resampling, stream, out);
    draw_units(resampling, stream, scratch);
    for (Index i = 0; i < resampling.rows; ++i) out[i] = scratch[resampling.unit[i]];
}

Status resample_weights(const Resampling& resampling, Index first, Index count, double* out, int threads) {
    InterruptPoll interrupt;
    const Index at_once = std::max<Index>(1, 4 * threads);
    for (Index begin = 0; begin < count; begin += at_once) {
        if (interrupt.poll()) return Status::interrupted;
        parallel_tasks(std::min(at_once, count - begin), threads, [&](Index task) {
            std::vector<double> scratch(resampling.unit == nullptr ? 0 : static_cast<std::size_t>(resampling.units));
            const Index number = begin + task;
            resample_weights(resampling, first + number, out + number * resampling.rows, scratch.data());
        });
    }
    return Status::converged;
}

}  // namespace mlcraft
