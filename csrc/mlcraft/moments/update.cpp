// What is done with moments once they are there: merge, remove, decay. Costs features^2, whatever the rows.
#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "mlcraft/core/double_double.hpp"
#include "mlcraft/moments/moments.hpp"

namespace mlcraft {
namespace {

constexpr double negligible = 1e-9;      // of what there was: a removal may miss by so much, from rounding
constexpr double smallest_rest = 64;     // units of rounding of the weight: less weight cannot be told from none
constexpr double certainly_noise = 256;  // spread below so many roundings of what it was is none: a panel has 240 rows

double low(const std::vector<double>& values, Index i) { return values.empty() ? 0.0 : values[i]; }

// mean of b minus mean of a
std::vector<double> differences(const std::vector<double>& b, const std::vector<double>& b_low,
                                const std::vector<double>& a, const std::vector<double>& a_low) {
    std::vector<double> d(a.size());
    for (std::size_t j = 0; j < a.size(); ++j) {
        const Index i = static_cast<Index>(j);
        d[j] = (DoubleDouble(b[j], low(b_low, i)) - DoubleDouble(a[j], low(a_low, i))).value();
    }
    return d;
}

void move_means(std::vector<double>& mean, std::vector<double>& lows, const std::vector<double>& d, double share) {
    lows.resize(mean.size(), 0.0);
    for (std::size_t j = 0; j < mean.size(); ++j) {
        const DoubleDouble moved = DoubleDouble(mean[j], lows[j]) + DoubleDouble(share) * DoubleDouble(d[j]);
        mean[j] = moved.hi;
        lows[j] = moved.lo;
    }
}

double noise_of(const Moments& m, Index j) {
    return m.noise.empty() ? eps * std::max(0.0, m.xx[j * m.features + j]) : m.noise[j];
}

// What errors e of the means make of mixed d^2, for differences d of the means: mixed (2 |d| e + e^2).
std::vector<double> doubts(const std::vector<double>& a_error, const std::vector<double>& b_error, double mixed,
                           const std::vector<double>& d) {
    std::vector<double> doubt(d.size(), 0.0);
    if (a_error.empty() && b_error.empty()) return doubt;
    for (std::size_t j = 0; j < d.size(); ++j) {
        const double error = std::hypot(low(a_error, static_cast<Index>(j)), low(b_error, static_cast<Index>(j)));
        doubt[j] = mixed * (2 * std::abs(d[j]) + error) * error;
    }
    return doubt;
}

// The errors of a times a_share plus b times b_share, in place of those of a.
void mix_errors(std::vector<double>& a_error, double a_share, const std::vector<double>& b_error, double b_share) {
    if (a_error.empty() && b_error.empty()) return;
    a_error.resize(std::max(a_error.size(), b_error.size()), 0.0);
    for (std::size_t j = 0; j < a_error.size(); ++j)
        a_error[j] = std::hypot(a_share * a_error[j], b_share * low(b_error, static_cast<Index>(j)));
}

// Errors of independent roundings add up by their squares.
void add_noise(Moments& m, const std::vector<double>& before, const Moments& other, const std::vector<double>& doubt) {
    const Index p = m.features;
    m.noise.resize(static_cast<std::size_t>(p), 0.0);
    for (Index j = 0; j < p; ++j) {
        const double size = std::max(before[p + j], std::max(0.0, m.xx[j * p + j]));
        m.noise[j] = std::hypot(std::hypot(before[j], noise_of(other, j)), std::hypot(eps * size, doubt[j]));
    }
}

std::vector<double> target_noise(const Moments& m) {
    std::vector<double> noise = m.y_noise;
    noise.resize(m.yy.size(), 0.0);
    for (std::size_t t = 0; t < noise.size(); ++t)
        if (m.y_noise.empty()) noise[t] = eps * m.yy[t];
    return noise;
}

// The same for yy, which was `before`.
void add_target_noise(Moments& m, const std::vector<double>& before, const Moments& other,
                      const std::vector<double>& doubt) {
    const std::vector<double> mine = target_noise(m), theirs = target_noise(other);
    m.y_noise = mine;
    for (std::size_t t = 0; t < mine.size(); ++t) {
        const double size = eps * std::max(before[t], m.yy[t]);
        m.y_noise[t] = std::hypot(std::hypot(mine[t], theirs[t]), std::hypot(size, doubt[t]));
    }
}

// The noise and the diagonal of xx, for add_noise.
std::vector<double> noise_before(const Moments& m) {
    const Index p = m.features;
    std::vector<double> before(static_cast<std::size_t>(2 * p));
    for (Index j = 0; j < p; ++j) {
        before[j] = noise_of(m, j);
        before[p + j] = std::max(0.0, m.xx[j * p + j]);
    }
    return before;
}

void set_sizes(Moments& m) {
    const Index p = m.features;
    m.x_size.resize(static_cast<std::size_t>(p));
    for (Index j = 0; j < p; ++j) {
        const double spread = m.weight_sum > 0 ? std::max(0.0, m.xx[j * p + j]) / m.weight_sum : 0.0;
        m.x_size[j] = std::sqrt(spread + m.x_mean[j] * m.x_mean[j]);
    }
}

// xx += sign * (other.xx + mixed d d'), and likewise xy and yy
void add_products(Moments& m, const Moments& other, double sign, double mixed, const std::vector<double>& dx,
                  const std::vector<double>& dy) {
    const Index p = m.features, k = m.targets;
    for (Index i = 0; i < p; ++i) {
        double *row = m.xx.data() + i * p, *cross = m.xy.data() + i * k;
        const double *other_row = other.xx.data() + i * p, *other_cross = other.xy.data() + i * k;
        for (Index j = 0; j < p; ++j) row[j] += sign * (other_row[j] + mixed * (dx[i] * dx[j]));
        for (Index t = 0; t < k; ++t) cross[t] += sign * (other_cross[t] + mixed * (dx[i] * dy[t]));
    }
    for (Index t = 0; t < k; ++t) m.yy[t] += sign * (other.yy[t] + mixed * dy[t] * dy[t]);
}

void make_empty(Moments& m) {
    m.samples = 0;
    m.weight_sum = m.log_weight = 0;
    for (auto* values : {&m.x_mean, &m.y_mean, &m.xx, &m.xy, &m.yy, &m.x_size, &m.x_low, &m.y_low, &m.noise, &m.x_error,
                         &m.y_error, &m.y_noise})
        std::fill(values->begin(), values->end(), 0.0);
}

}  // namespace

void complete(Moments& m) {
    const std::size_t p = m.x_mean.size(), k = m.y_mean.size();
    const auto fits = [](const std::vector<double>& part, std::size_t size) {
        return part.empty() || part.size() == size;
    };
    if (static_cast<Index>(p) != m.features || static_cast<Index>(k) != m.targets || m.xx.size() != p * p ||
        m.xy.size() != p * k || m.yy.size() != k || !fits(m.x_low, p) || !fits(m.y_low, k) || !fits(m.noise, p) ||
        !fits(m.x_error, p) || !fits(m.y_error, k) || !fits(m.y_noise, k))
        throw std::invalid_argument("the shapes of the moments do not agree");
    set_sizes(m);
}

void merge(Moments& into, const Moments& other) {
    if (into.weight_sum == 0 && into.finite && !into.interrupted) {
        into = other;
        return;
    }
    const double total = into.weight_sum + other.weight_sum;
    const double share = total > 0 ? other.weight_sum / total : 0.0;
    const std::vector<double> dx = differences(other.x_mean, other.x_low, into.x_mean, into.x_low),
                              dy = differences(other.y_mean, other.y_low, into.y_mean, into.y_low),
                              before = noise_before(into);
    const double mixed = into.weight_sum * share;
    const std::vector<double> doubt = doubts(into.x_error, other.x_error, mixed, dx),
                              y_doubt = doubts(into.y_error, other.y_error, mixed, dy), y_before = into.yy;
    add_products(into, other, 1.0, mixed, dx, dy);
    move_means(into.x_mean, into.x_low, dx, share);
    move_means(into.y_mean, into.y_low, dy, share);
    mix_errors(into.x_error, 1 - share, other.x_error, share);
    mix_errors(into.y_error, 1 - share, other.y_error, share);
    into.weight_sum = total;
    into.samples += other.samples;
    into.log_weight += other.log_weight;
    into.finite = into.finite && other.finite;
    into.interrupted = into.interrupted || other.interrupted;
    set_sizes(into);
    add_noise(into, before, other, doubt);
    add_target_noise(into, y_before, other, y_doubt);
}

// With T the whole, B the part and A what is left: mean_A = mean_T + (w_B / w_A) d with d = mean_T - mean_B, and
// xx_A = xx_T - xx_B - (w_T w_B / w_A) d d'.
Removal remove(Moments& from, const Moments& part) {
    using Fault = Removal::Fault;
    const Index p = from.features, k = from.targets;
    const double rest = from.weight_sum - part.weight_sum;
    const bool counted = from.samples > 0, last = counted && from.samples == part.samples;
    if (counted && part.samples > from.samples)
        return {Fault::rows, 0, static_cast<double>(from.samples), static_cast<double>(part.samples)};
    const bool none_left = std::abs(rest) <= negligible * from.weight_sum;
    if (last ? !none_left : !(rest > smallest_rest * eps * from.weight_sum))
        return {Fault::weight, 0, from.weight_sum, part.weight_sum};
    const double mixed = last ? 0.0 : from.weight_sum * (part.weight_sum / rest);
    const std::vector<double> dx = differences(from.x_mean, from.x_low, part.x_mean, part.x_low),
                              dy = differences(from.y_mean, from.y_low, part.y_mean, part.y_low),
                              before = noise_before(from), x_doubt = doubts(from.x_error, part.x_error, mixed, dx),
                              y_doubt = doubts(from.y_error, part.y_error, mixed, dy), y_before = from.yy,
                              y_noise = target_noise(from);
    const auto too_much = [](double held, double removed, double noise) {
        return !(held - removed >= -negligible * held - certainly_noise * noise);
    };
    for (Index j = 0; j < p; ++j) {
        const double held = from.xx[j * p + j], removed = part.xx[j * p + j] + mixed * dx[j] * dx[j];
        if (too_much(held, removed, before[j] + x_doubt[j])) return {Fault::feature, j, held, removed};
    }
    for (Index t = 0; t < k; ++t) {
        const double removed = part.yy[t] + mixed * dy[t] * dy[t];
        if (too_much(from.yy[t], removed, y_noise[t] + y_doubt[t])) return {Fault::target, t, from.yy[t], removed};
    }
    if (last) {
        make_empty(from);
        return {};
    }
    add_products(from, part, -1.0, mixed, dx, dy);
    for (Index j = 0; j < p; ++j) from.xx[j * p + j] = std::max(0.0, from.xx[j * p + j]);
    for (double& square : from.yy) square = std::max(0.0, square);
    move_means(from.x_mean, from.x_low, dx, part.weight_sum / rest);
    move_means(from.y_mean, from.y_low, dy, part.weight_sum / rest);
    mix_errors(from.x_error, from.weight_sum / rest, part.x_error, part.weight_sum / rest);
    mix_errors(from.y_error, from.weight_sum / rest, part.y_error, part.weight_sum / rest);
    from.weight_sum = rest;
    from.samples -= counted ? part.samples : 0;
    from.log_weight -= part.log_weight;
    set_sizes(from);
    add_noise(from, before, part, x_doubt);
    add_target_noise(from, y_before, part, y_doubt);
    return {};
}

void decay(Moments& m, double factor) {
    m.weight_sum *= factor;
    m.log_weight += static_cast<double>(m.samples) * std::log(factor);
    for (auto* values : {&m.xx, &m.xy, &m.yy, &m.noise, &m.y_noise})
        for (double& value : *values) value *= factor;
}

Moments uncentred(Moments m) {
    if (!m.centred) return m;
    const std::vector<double> before = noise_before(m);
    const double total = m.weight_sum;
    Moments nothing = m;
    for (auto* values : {&nothing.xx, &nothing.xy, &nothing.yy, &nothing.noise, &nothing.y_noise})
        std::fill(values->begin(), values->end(), 0.0);
    const std::vector<double> y_before = m.yy;
    add_products(m, nothing, 1.0, total, m.x_mean, m.y_mean);
    add_noise(m, before, nothing, doubts(m.x_error, {}, total, m.x_mean));
    add_target_noise(m, y_before, nothing, doubts(m.y_error, {}, total, m.y_mean));
    for (auto* values : {&m.x_mean, &m.y_mean, &m.x_low, &m.y_low}) std::fill(values->begin(), values->end(), 0.0);
    m.x_error.clear();
    m.y_error.clear();
    m.centred = false;
    return m;
}

std::vector<double> relative_noise(const Moments& m) {
    std::vector<double> noise(static_cast<std::size_t>(m.features), eps);
    for (Index j = 0; j < m.features; ++j) {
        const double spread = m.xx[j * m.features + j];
        if (spread > 0) noise[j] = std::max(eps, noise_of(m, j) / spread);
    }
    return noise;
}

Moments without_noise(Moments m) {
    const Index p = m.features, k = m.targets;
    if (m.noise.empty()) return m;
    for (Index j = 0; j < p; ++j) {
        if (m.xx[j * p + j] > certainly_noise * m.noise[j]) continue;
        for (Index i = 0; i < p; ++i) m.xx[i * p + j] = m.xx[j * p + i] = 0.0;
        std::fill_n(m.xy.begin() + j * k, k, 0.0);
    }
    return m;
}

}  // namespace mlcraft
