#include "mlcraft/moments/dual.hpp"

#include <algorithm>

#include "mlcraft/core/buffer.hpp"
#include "mlcraft/core/threads.hpp"
#include "mlcraft/simd/kernels.hpp"

namespace mlcraft {

// The Gram kernels sum over the rows of a panel; here a panel is 256 features and its columns are the n rows.
std::vector<double> dual_gram(const RowSource& rows, const double* mean, const double* root_weight, int threads) {
    constexpr Index panel = 256;
    const Index n = rows.rows, p = rows.cols;
    const auto& kernel = simd::kernels().f64.wide;
    const Index strips = (n + kernel.lanes - 1) / kernel.lanes, width = strips * kernel.lanes;
    const Index groups = (strips + kernel.group - 1) / kernel.group;
    constexpr Index rows_per_task = 16;
    const AlignedBuffer<double> packed(panel * width);
    std::fill(packed.data, packed.data + panel * width, 0.0);
    std::vector<double> sums(static_cast<std::size_t>(width * width), 0.0), zero(rows_per_task, 0.0);
    std::vector<double> block(static_cast<std::size_t>(n * p > 0 ? rows_per_task * p : 1));
    InterruptPoll interrupt;
    const Index panels = (p + panel - 1) / panel;
    auto count_of = [&](Index round) { return std::min(panel, p - round * panel); };
    // every row is read whole (sparse rows have no cheap column range), so the panels of all features are cut from it
    std::vector<double> centred(static_cast<std::size_t>(n * p));
    for (Index begin = 0; begin < n; begin += rows_per_task) {
        const Index count = std::min(rows_per_task, n - begin);
        rows.read_features(begin, count, block.data(), rows_per_task);
        for (Index j = 0; j < p; ++j)
            for (Index i = 0; i < count; ++i)
                centred[j * n + begin + i] = (block[j * rows_per_task + i] - mean[j]) * root_weight[begin + i];
    }
    const std::vector<double> no_shift(static_cast<std::size_t>(n), 0.0);
    parallel_rounds(
        panels, threads, [&](Index round) { return (count_of(round) + rows_per_task - 1) / rows_per_task; },
        [&](Index round, Index task) {
            const Index from = task * rows_per_task, count = std::min(rows_per_task, count_of(round) - from);
            const MatrixView<const double> view{centred.data() + (round * panel + from) * n, count, n, n, 1};
            kernel.pack(view, no_shift.data(), {}, 0, count_of(round), packed.data + from * kernel.lanes, nullptr);
        },
        [&](Index) { return groups; },
        [&](Index round, Index task) {
            const Index group = groups - 1 - task;
            kernel.by_columns(packed.data, packed.data, count_of(round), strips, strips, group * kernel.group,
                              std::min(strips, (group + 1) * kernel.group), sums.data(), width, centred.data(), 0);
        },
        [&] { return interrupt.poll(); });
    std::vector<double> k(static_cast<std::size_t>(n * n));
    for (Index i = 0; i < n; ++i)
        for (Index j = i; j < n; ++j) k[i * n + j] = k[j * n + i] = sums[i * width + j];
    return k;
}

}  // namespace mlcraft
