#include "mlcraft/moments/cholesky.hpp"

#include <algorithm>
#include <cmath>

#include "mlcraft/core/threads.hpp"
#include "mlcraft/simd/kernels.hpp"

namespace mlcraft {
namespace {

constexpr Index panel = 32;
constexpr Index rows_per_task = 16;
constexpr Index parallel_from = 256;  // smaller matrices are not worth a team of threads

// Rows [begin, end): subtract what the columns left of `first` contribute to columns [first, first + width).
void subtract_left(double* a, Index n, Index first, Index width, Index begin, Index end) {
    const auto& kernels = simd::kernels().f64;
    for (Index i = begin; i < end; ++i) {
        double sums[panel] = {};
        const Index count = std::min(width, i - first + 1);
        kernels.dots(a + first * n, n, count, first, a + i * n, sums);
        for (Index j = 0; j < count; ++j) a[i * n + first + j] -= sums[j];
    }
}

// Rows [begin, end), at most rows_per_task of them: divide columns [first, first + width) by the triangle of the panel.
// The rows lie side by side in a buffer, so that each step works on all of them at once.
void solve_panel(double* a, Index n, Index first, Index width, Index begin, Index end) {
    double columns[panel * rows_per_task] = {}, minus[panel];
    for (Index i = begin; i < end; ++i)
        for (Index j = 0; j < width; ++j) columns[j * rows_per_task + i - begin] = a[i * n + first + j];
    for (Index j = 0; j < width; ++j) {
        const double* row = a + (first + j) * n + first;
        double* column = columns + j * rows_per_task;
        for (Index k = 0; k < j; ++k) minus[k] = -row[k];
        simd::kernels().f64.axpys(columns, rows_per_task, j, rows_per_task, minus, column);
        for (Index i = 0; i < rows_per_task; ++i) column[i] = row[j] == 0 ? 0 : column[i] / row[j];
    }
    for (Index i = begin; i < end; ++i)
        for (Index j = 0; j < width; ++j) a[i * n + first + j] = columns[j * rows_per_task + i - begin];
}

}  // namespace

bool cholesky(double* a, Index n, double smallest_pivot, int threads, std::vector<Index>* dependent) {
    constexpr double surely_dependent = 1e-11, surely_not = 1e-8;
    if (n < parallel_from) threads = 1;
    for (Index first = 0; first < n; first += panel) {
        const Index width = std::min(panel, n - first), below = first + width;
        double original[panel];
        for (Index j = 0; j < width; ++j) original[j] = a[(first + j) * n + first + j];
        const Index tasks = (n - first + rows_per_task - 1) / rows_per_task;
        if (first > 0)
            parallel_tasks(tasks, threads, [&](Index task) {
                const Index begin = first + task * rows_per_task;
                subtract_left(a, n, first, width, begin, std::min(n, begin + rows_per_task));
            });
        for (Index j = first; j < below; ++j) {
            for (Index i = j; i < below; ++i) {
                double sum = a[i * n + j];
                for (Index k = first; k < j; ++k) sum -= a[i * n + k] * a[j * n + k];
                if (i == j) {
                    const double limit = original[j - first];
                    if (dependent != nullptr && sum <= surely_dependent * limit) {
                        dependent->push_back(j);
                        a[i * n + j] = 0;
                    } else {
                        if (!(sum > (dependent != nullptr ? surely_not : smallest_pivot) * limit)) return false;
                        a[i * n + j] = std::sqrt(sum);
                    }
                } else if (a[j * n + j] == 0) {
                    a[i * n + j] = 0;
                } else {
                    a[i * n + j] = sum / a[j * n + j];
                }
            }
        }
        const Index rest = (n - below + rows_per_task - 1) / rows_per_task;
        parallel_tasks(rest, threads, [&](Index task) {
            const Index begin = below + task * rows_per_task;
            solve_panel(a, n, first, width, begin, std::min(n, begin + rows_per_task));
        });
    }
    return true;
}

void solve_lower(const double* l, Index n, double* b) {
    const auto& kernels = simd::kernels().f64;
    for (Index i = 0; i < n; ++i) {
        double sum = 0;
        if (i >= 16) {
            kernels.dots(l + i * n, n, 1, i, b, &sum);
        } else {
            for (Index k = 0; k < i; ++k) sum += l[i * n + k] * b[k];
        }
        b[i] = (b[i] - sum) / l[i * n + i];
    }
}

void solve_lower_transposed(const double* l, Index n, double* b) {
    const auto& kernels = simd::kernels().f64;
    for (Index i = n; i-- > 0;) {
        b[i] /= l[i * n + i];
        const double minus = -b[i];
        if (i >= 16) {
            kernels.axpys(l + i * n, n, 1, i, &minus, b);
        } else {
            for (Index k = 0; k < i; ++k) b[k] += minus * l[i * n + k];
        }
    }
}

double symmetric_norm1(const double* a, Index n) {
    double norm = 0;
    for (Index i = 0; i < n; ++i) {
        double sum = 0;
        for (Index j = 0; j < n; ++j) sum += std::abs(a[i * n + j]);
        norm = std::max(norm, sum);
    }
    return norm;
}

double reciprocal_condition(const double* l, Index n, double norm) {
    if (n == 0 || !(norm > 0)) return 1.0;
    std::vector<double> x(n, 1.0 / static_cast<double>(n)), sign(n), previous(n, 0.0);
    double estimate = 0;
    for (int iteration = 0; iteration < 5; ++iteration) {
        solve_lower(l, n, x.data());
        solve_lower_transposed(l, n, x.data());
        double size = 0;
        for (double v : x) size += std::abs(v);
        if (iteration > 0 && size <= estimate) break;
        estimate = size;
        for (Index i = 0; i < n; ++i) sign[i] = x[i] < 0 ? -1.0 : 1.0;
        if (sign == previous) break;
        previous = sign;
        solve_lower(l, n, sign.data());
        solve_lower_transposed(l, n, sign.data());
        Index largest = 0;
        for (Index i = 1; i < n; ++i)
            if (std::abs(sign[i]) > std::abs(sign[largest])) largest = i;
        std::fill(x.begin(), x.end(), 0.0);
        x[largest] = 1.0;
    }
    // Higham's extra vector, for matrices that fool the iteration
    for (Index i = 0; i < n; ++i)
        x[i] = (i % 2 ? -1.0 : 1.0) * (1.0 + (n > 1 ? static_cast<double>(i) / static_cast<double>(n - 1) : 0.0));
    solve_lower(l, n, x.data());
    solve_lower_transposed(l, n, x.data());
    double size = 0;
    for (double v : x) size += std::abs(v);
    estimate = std::max(estimate, 2.0 * size / (3.0 * static_cast<double>(n)));
    return 1.0 / (norm * estimate);
}

}  // namespace mlcraft
