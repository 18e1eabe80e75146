// Weights of resamples: how often, or how much, each row counts in resample r. Every draw is a function of (seed, r,
// place) alone (core/random_bits.hpp), so that a resample does not depend on who computes it, or with which others.
//
//   pairs       multinomial counts: m draws with replacement from m units           (Efron 1979)
//   poisson     independent Poisson(1) counts                                       (Hanley and MacGibbon 2006)
//   bayesian    independent exponentials, scaled to mean one: a Dirichlet sample    (Rubin 1981)
//   draws       the row that is drawn at the place of each row: residual bootstrap
//   rademacher  -1 or 1; mammen: (1 -+ sqrt 5) / 2 with mean 0 and second and third moment 1 (Mammen 1993);
//   webb        +-sqrt(k / 2), k = 1, 2, 3 (Webb 2023): multipliers of residuals    (Wu 1986)
#pragma once

#include <cstdint>

#include "mlcraft/core/types.hpp"

namespace mlcraft {

enum class ResampleKind { pairs, poisson, bayesian, draws, rademacher, mammen, webb };

// What is drawn: rows, or clusters of rows, within strata. The arrays belong to the caller.
struct Resampling {
    ResampleKind kind = ResampleKind::pairs;
    std::uint64_t seed = 0;
    Index rows = 0;
    Index units = 0;               // rows, or the number of clusters
    const Index* unit = nullptr;   // the cluster of each row; null: units are rows
    const Index* order = nullptr;  // units, stratum by stratum; null: 0, 1, 2, ...
    const Index* start = nullptr;  // where each stratum begins in it, and the last one ends; null: one stratum
    Index strata = 1;
};

// out (rows) = the weights of one resample; scratch has room for `units` elements where units are clusters.
void resample_weights(const Resampling& resampling, Index resample, double* out, double* scratch);

// out (count x rows) = those of resamples first, first + 1, ...
Status resample_weights(const Resampling& resampling, Index first, Index count, double* out, int threads);

}  // namespace mlcraft
