#include "mlcraft/stats/metric_sums.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "mlcraft/core/threads.hpp"

namespace mlcraft {
namespace {

// Runs body(begin, end, part) for each lane of rows, then join(part, other) in the order of the lanes.
template <class Part, class Body, class Join>
Part over_lanes(Index n, const Part& empty, int threads, Body&& body, Join&& join) {
    const Index lanes = sum_lanes(n);
    std::vector<Part> parts(static_cast<std::size_t>(lanes), empty);
    parallel_tasks(lanes, threads, [&](Index lane) { body(lane * n / lanes, (lane + 1) * n / lanes, parts[lane]); });
    for (Index lane = 1; lane < lanes; ++lane) join(parts[0], parts[lane]);
    return parts[0];
}

template <class Body>
void add_over_lanes(Index n, Index sums, double* out, int threads, Body&& body) {
    const auto total = over_lanes(n, std::vector<double>(static_cast<std::size_t>(sums), 0.0), threads, body,
                                  [](std::vector<double>& a, const std::vector<double>& b) {
                                      for (std::size_t j = 0; j < a.size(); ++j) a[j] += b[j];
                                  });
    std::copy(total.begin(), total.end(), out);
}

double weight_of(const double* weight, Index i) { return weight == nullptr ? 1.0 : weight[i]; }

double tweedie_deviance(double y, double mu, double power) {
    if (power == 0.0) return (y - mu) * (y - mu);
    if (power == 1.0) return 2.0 * ((y == 0.0 ? 0.0 : y * std::log(y / mu)) - y + mu);
    if (power == 2.0) return 2.0 * (std::log(mu / y) + y / mu - 1.0);
    const double base = power < 0.0 ? std::max(y, 0.0) : y;
    return 2.0 * (std::pow(base, 2.0 - power) / ((1.0 - power) * (2.0 - power)) -
                  y * std::pow(mu, 1.0 - power) / (1.0 - power) + std::pow(mu, 2.0 - power) / (2.0 - power));
}

template <class Loss>
void add_errors(const double* y, const double* prediction, const double* weight, Index n, Index columns, double* out,
                int threads, Loss&& loss) {
    add_over_lanes(n, 2 * columns, out, threads, [&](Index begin, Index end, std::vector<double>& sums) {
        for (Index j = 0; j < columns; ++j) {
            double total = 0.0, weights = 0.0;
            for (Index i = begin; i < end; ++i) {
                const double w = weight_of(weight, i);
                weights += w;
                total += w * loss(y[i * columns + j], prediction[i * columns + j]);
            }
            sums[2 * j] += weights;
            sums[2 * j + 1] += total;
        }
    });
}

}  // namespace

void confusion_sums(const std::int32_t* truth, const std::int32_t* predicted, const double* weight, Index n,
                    Index classes, bool full, double* out, int threads) {
    const Index sums = full ? classes * classes : 3 * classes;
    // many classes: one table, lest the lanes' tables cost more than the rows
    const bool one_table = sums > 4096;
    const auto add = [&](Index begin, Index end, double* table) {
        for (Index i = begin; i < end; ++i) {
            const double w = weight_of(weight, i);
            const Index t = truth[i], p = predicted[i];
            if (full) {
                table[t * classes + p] += w;
            } else {
                if (t == p) table[t] += w;
                table[classes + p] += w;
                table[2 * classes + t] += w;
            }
        }
    };
    if (one_table) {
        std::fill(out, out + sums, 0.0);
        return add(0, n, out);
    }
    add_over_lanes(n, sums, out, threads, [&](Index begin, Index end, std::vector<double>& table) {
        if (weight != nullptr || !full || classes > 2) return add(begin, end, table.data());
        Index counts[4] = {0, 0, 0, 0};  // two classes by whole numbers, without a chain of additions to memory
        for (Index i = begin; i < end; ++i) {
            counts[1] += predicted[i];
            counts[2] += truth[i];
            counts[3] += truth[i] & predicted[i];
        }
        const Index both = counts[3], only_predicted = counts[1] - both, only_true = counts[2] - both;
        table[0] += static_cast<double>(end - begin - both - only_predicted - only_true);
        if (classes < 2) return;
        table[1] += static_cast<double>(only_predicted);
        table[2] += static_cast<double>(only_true);
        table[3] += static_cast<double>(both);
    });
}

ProbabilitySums probability_sums(const double* probability, const std::int32_t* truth, const double* weight, Index n,
                                 Index columns, double eps, int threads) {
    const double infinity = std::numeric_limits<double>::infinity();
    const auto clipped_log = [eps](double p) { return std::log(std::clamp(p, eps, 1.0 - eps)); };
    const auto one_column = [&](Index begin, Index end, ProbabilitySums& sums) {
        for (Index i = begin; i < end; ++i) {
            const double p = probability[i], w = weight_of(weight, i), miss = truth[i] ? 1.0 - p : p;
            sums.lowest = p < sums.lowest ? p : sums.lowest;
            sums.highest = p > sums.highest ? p : sums.highest;
            sums.apart += p * 0.0;  // NaN if p is not finite
            sums.weight += w;
            sums.log -= w * clipped_log(truth[i] ? p : 1.0 - p);
            sums.brier += w * 2.0 * miss * miss;
        }
    };
    const auto some_columns = [&](Index begin, Index end, ProbabilitySums& sums) {
        for (Index i = begin; i < end; ++i) {
            const double* row = probability + i * columns;
            double total = 0.0, brier = 0.0;
            for (Index j = 0; j < columns; ++j) {
                const double p = row[j], off = (j == truth[i] ? 1.0 : 0.0) - p;
                sums.lowest = p < sums.lowest ? p : sums.lowest;
                sums.highest = p > sums.highest ? p : sums.highest;
                total += p;
                brier += off * off;
            }
            const double w = weight_of(weight, i), apart = std::abs(total - 1.0);
            sums.apart = apart <= sums.apart ? sums.apart : apart;  // keeps NaN
            sums.weight += w;
            sums.log -= w * clipped_log(row[truth[i]]);
            sums.brier += w * brier;
        }
    };
    const ProbabilitySums empty{infinity, -infinity, 0.0, 0.0, 0.0, 0.0};
    const auto body = [&](Index begin, Index end, ProbabilitySums& sums) {
        return columns == 1 ? one_column(begin, end, sums) : some_columns(begin, end, sums);
    };
    return over_lanes(n, empty, threads, body, [](ProbabilitySums& a, const ProbabilitySums& b) {
        a.lowest = std::min(a.lowest, b.lowest);
        a.highest = std::max(a.highest, b.highest);
        a.apart = std::isnan(b.apart) || b.apart > a.apart ? b.apart : a.apart;
        a.weight += b.weight;
        a.log += b.log;
        a.brier += b.brier;
    });
}

void error_sums(ErrorKind kind, double parameter, const double* y, const double* prediction, const double* weight,
                Index n, Index columns, double* out, int threads) {
    const auto add = [&](auto&& loss) { add_errors(y, prediction, weight, n, columns, out, threads, loss); };
    switch (kind) {
        case ErrorKind::squared: return add([](double a, double b) { return (a - b) * (a - b); });
        case ErrorKind::absolute: return add([](double a, double b) { return std::abs(a - b); });
        case ErrorKind::percentage:
            return add([](double a, double b) { return std::abs(b - a) / std::max(std::abs(a), eps); });
        case ErrorKind::pinball:
            return add(
                [parameter](double a, double b) { return a >= b ? parameter * (a - b) : (1.0 - parameter) * (b - a); });
        case ErrorKind::squared_log:
            return add([](double a, double b) {
                const double apart = std::log1p(a) - std::log1p(b);
                return apart * apart;
            });
        case ErrorKind::tweedie:
            return add([parameter](double a, double b) { return tweedie_deviance(a, b, parameter); });
        case ErrorKind::largest: break;
    }
    for (Index j = 0; j < columns; ++j) {
        double largest = 0.0;
        for (Index i = 0; i < n; ++i)
            largest = std::max(largest, std::abs(y[i * columns + j] - prediction[i * columns + j]));
        out[2 * j] = static_cast<double>(n);
        out[2 * j + 1] = largest;
    }
}

void spread_sums(const double* y, const double* prediction, const double* weight, Index n, Index columns, double* out,
                 int threads) {
    std::vector<double> mean(static_cast<std::size_t>(2 * columns), 0.0);
    std::vector<double> first(static_cast<std::size_t>(2 * columns), 0.0);
    for (Index j = 0; n > 0 && j < columns; ++j) {
        first[2 * j] = y[j];
        first[2 * j + 1] = y[j] - prediction[j];
    }
    std::vector<double> sums(static_cast<std::size_t>(3 * columns));
    add_over_lanes(n, 3 * columns, sums.data(), threads, [&](Index begin, Index end, std::vector<double>& part) {
        for (Index j = 0; j < columns; ++j) {
            const double first_y = first[2 * j], first_error = first[2 * j + 1];
            double total = 0.0, of_y = 0.0, of_error = 0.0;  // not in memory, where each sum waits for the last
            for (Index i = begin; i < end; ++i) {
                const double w = weight_of(weight, i), value = y[i * columns + j];
                total += w;
                of_y += w * (value - first_y);
                of_error += w * (value - prediction[i * columns + j] - first_error);
            }
            part[3 * j] += total;
            part[3 * j + 1] += of_y;
            part[3 * j + 2] += of_error;
        }
    });
    for (Index j = 0; j < columns; ++j)
        for (Index e = 0; e < 2; ++e) mean[2 * j + e] = first[2 * j + e] + sums[3 * j + 1 + e] / sums[3 * j];
    add_over_lanes(n, 4 * columns, out, threads, [&](Index begin, Index end, std::vector<double>& part) {
        for (Index j = 0; j < columns; ++j) {
            const double mean_y = mean[2 * j], mean_error = mean[2 * j + 1];
            double total = 0.0, of_y = 0.0, of_error = 0.0, squares = 0.0;
            for (Index i = begin; i < end; ++i) {
                const double w = weight_of(weight, i), value = y[i * columns + j];
                const double error = value - prediction[i * columns + j];
                const double from_y = value - mean_y, from_error = error - mean_error;
                total += w;
                of_y += w * from_y * from_y;
                of_error += w * from_error * from_error;
                squares += w * error * error;
            }
            part[4 * j] += total;
            part[4 * j + 1] += of_y;
            part[4 * j + 2] += of_error;
            part[4 * j + 3] += squares;
        }
    });
}

void top_hits(const double* score, const std::int32_t* truth, Index n, Index columns, Index k, double* out,
              int threads) {
    const Index lanes = sum_lanes(n);
    parallel_tasks(lanes, threads, [&](Index lane) {
        for (Index i = lane * n / lanes; i < (lane + 1) * n / lanes; ++i) {
            const double* row = score + i * columns;
            const double own = row[truth[i]];
            Index larger = 0;
            for (Index j = 0; j < columns; ++j) larger += row[j] > own || (row[j] == own && j > truth[i]) ? 1 : 0;
            out[i] = larger < k ? 1.0 : 0.0;
        }
    });
}

void discounted_gains(const double* gain, const double* score, const double* discount, Index n, Index columns,
                      bool ignore_ties, double* out, int threads) {
    const Index lanes = sum_lanes(n * std::max<Index>(columns / 64, 1));
    parallel_tasks(lanes, threads, [&](Index lane) {
        std::vector<Index> order(static_cast<std::size_t>(columns));
        for (Index i = lane * n / lanes; i < (lane + 1) * n / lanes; ++i) {
            const double *row = score + i * columns, *won = gain + i * columns;
            std::iota(order.begin(), order.end(), Index{0});
            std::sort(order.begin(), order.end(),
                      [row](Index a, Index b) { return row[a] > row[b] || (row[a] == row[b] && a > b); });
            double total = 0.0;
            for (Index begin = 0, end = 0; begin < columns; begin = end) {
                double gains = 0.0, discounts = 0.0;
                do {
                    gains += won[order[end]];
                    discounts += discount[end++];
                } while (!ignore_ties && end < columns && row[order[end]] == row[order[begin]]);
                total += gains * discounts / static_cast<double>(end - begin);
            }
            out[i] = total;
        }
    });
}

}  // namespace mlcraft
