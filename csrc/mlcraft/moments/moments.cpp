#include "mlcraft/moments/moments.hpp"

#include <algorithm>
#include <cmath>

#include "mlcraft/core/buffer.hpp"
#include "mlcraft/core/double_double.hpp"
#include "mlcraft/core/threads.hpp"
#include "mlcraft/simd/kernels.hpp"

namespace mlcraft {
namespace {

constexpr Index panel_rows = 240;     // no power of two: strips must not fall on the same cache sets
constexpr Index pack_rows = 48;       // rows that one task packs where the threads share a panel
constexpr Index narrow_columns = 40;  // up to here short strips waste less
constexpr Index lane_columns = 257;   // up to here every lane of rows owns an accumulator of its own
constexpr Index max_lanes = 64;
constexpr Index rows_per_lane = 4096;

// The mean of at most 64 rows: near enough to the true mean to take the cancellation out of the sums. They lie in four
// runs spread over all rows: 64 rows by themselves would be as many waits for memory, a tenth of a pass over 10,000.
template <class T>
std::vector<double> sample_mean(MatrixView<const T> x, VectorView<const T> weight) {
    constexpr Index runs = 4, run = 16;
    const Index count = std::min<Index>(x.rows, runs * run);
    std::vector<double> mean(static_cast<std::size_t>(x.cols), 0.0);
    double total = 0;
    for (Index s = 0; s < count; ++s) {
        const Index i = x.rows <= runs * run ? s : s / run * x.rows / runs + s % run;
        const double w = weight ? static_cast<double>(weight[i]) : 1.0;
        if (!(w > 0)) continue;
        total += w;
        for (Index j = 0; j < x.cols; ++j) mean[j] += w * static_cast<double>(x(i, j));
    }
    for (double& m : mean) m = total > 0 ? m / total : 0.0;
    return mean;
}

// Whether the shift lay so far from the mean that the sums about it have cancelled.
bool shift_was_far(const Moments& m, Index column, double difference) {
    const double spread = std::max(0.0, m.xx[column * m.features + column]);
    return m.weight_sum * difference * difference > 1e4 * spread && std::abs(difference) > 1e-10 * m.x_size[column];
}

// Z = [X - shift, Y - shift, 1, 0 ...]: columns of one packed panel.
template <class T, class Compute>
class PanelPacker {
public:
    PanelPacker(MatrixView<const T> x, MatrixView<const T> y, VectorView<const T> weight,
                const std::vector<double>& x_shift, const std::vector<double>& y_shift, Index lanes)
        : x_(x), y_(y), weight_(weight), lanes_(lanes), columns_(x.cols + y.cols + 1),
          strips_((columns_ + lanes - 1) / lanes), shift_x_(x.cols, 0), shift_y_(y.cols, 0) {
        for (Index j = 0; j < x.cols; ++j) shift_x_[j] = static_cast<Compute>(static_cast<T>(x_shift[j]));
        for (Index j = 0; j < y.cols; ++j) shift_y_[j] = static_cast<Compute>(static_cast<T>(y_shift[j]));
    }

    Index strips() const { return strips_; }
    Index width() const { return strips_ * lanes_; }
    const std::vector<Compute>& shift_x() const { return shift_x_; }
    const std::vector<Compute>& shift_y() const { return shift_y_; }

    // Rows [begin, begin + count) into `packed` (and times the weight into `weighted`).
    // `depth` is the number of rows in the panel that `packed` is a part of.
    void pack(const simd::GramKernel<Compute>& kernel, Index begin, Index count, Index depth, Compute* packed,
              Compute* weighted) const {
        Compute weights[panel_rows];
        VectorView<const Compute> w{};
        if (weight_) {
            for (Index i = 0; i < count; ++i) weights[i] = static_cast<Compute>(weight_[begin + i]);
            w = {weights, count, 1};
        }
        pack_columns(kernel, x_, shift_x_.data(), w, 0, begin, count, depth, packed, weighted);
        pack_columns(kernel, y_, shift_y_.data(), w, x_.cols, begin, count, depth, packed, weighted);
        for (Index column = columns_ - 1; column < width(); ++column) {
            const Index at = column / lanes_ * depth * lanes_ + column % lanes_;
            const Compute value = column == columns_ - 1 ? Compute(1) : Compute(0);
            for (Index i = 0; i < count; ++i) packed[at + i * lanes_] = value;
            if (weighted != nullptr)
                for (Index i = 0; i < count; ++i) weighted[at + i * lanes_] = value * weights[i];
        }
    }

private:
    void pack_columns(const simd::GramKernel<Compute>& kernel, MatrixView<const T> m, const Compute* shift,
                      VectorView<const Compute> w, Index first, Index begin, Index count, Index depth, Compute* packed,
                      Compute* weighted) const {
        if constexpr (std::is_same_v<T, Compute>) {
            kernel.pack(m.row_range(begin, count), shift, w, first, depth, packed, weighted);
        } else {  // widen a slice of columns at a time
            constexpr Index slice = 16;
            Compute wide[panel_rows * slice];
            for (Index j = 0; j < m.cols; j += slice) {
                const Index cols = std::min(slice, m.cols - j);
                for (Index i = 0; i < count; ++i)
                    for (Index c = 0; c < cols; ++c) wide[i * slice + c] = static_cast<Compute>(m(begin + i, j + c));
                kernel.pack({wide, count, cols, slice, 1}, shift + j, w, first + j, depth, packed, weighted);
            }
        }
    }

    MatrixView<const T> x_, y_;
    VectorView<const T> weight_;
    Index lanes_, columns_, strips_;
    std::vector<Compute> shift_x_, shift_y_;
};

void set_mean(double shift, double difference, double& mean, double& low) {
    const DoubleDouble sum = DoubleDouble(shift) + DoubleDouble(difference);
    mean = sum.hi;
    low = sum.lo;
}

// From the sums of products about the shift to moments about the mean.
template <class Compute>
Moments finish(const double* sums, Index ld, Index p, Index k, bool centre, const std::vector<Compute>& shift_x,
               const std::vector<Compute>& shift_y) {
    Moments m;
    m.features = p;
    m.targets = k;
    m.centred = centre;
    const Index one = p + k;
    const double total = sums[one * ld + one];
    m.weight_sum = total;
    const double share = total > 0 ? 1.0 / total : 0.0;
    std::vector<double> dx(p), dy(k);  // mean minus shift
    m.x_mean.assign(p, 0.0);
    m.y_mean.assign(k, 0.0);
    m.x_low.assign(p, 0.0);
    m.y_low.assign(k, 0.0);
    m.x_size.resize(p);
    m.xx.resize(p * p);
    m.xy.resize(p * k);
    m.yy.resize(k);
    for (Index i = 0; i < p; ++i) {
        dx[i] = centre ? sums[i * ld + one] * share : 0.0;
        if (centre) set_mean(static_cast<double>(shift_x[i]), dx[i], m.x_mean[i], m.x_low[i]);
    }
    for (Index j = 0; j < k; ++j) {
        dy[j] = centre ? sums[(p + j) * ld + one] * share : 0.0;
        if (centre) set_mean(static_cast<double>(shift_y[j]), dy[j], m.y_mean[j], m.y_low[j]);
    }
    double check = total;
    for (Index i = 0; i < p; ++i) {
        for (Index j = i; j < p; ++j) {
            const double value = sums[i * ld + j] - total * dx[i] * dx[j];
            m.xx[i * p + j] = value;
            m.xx[j * p + i] = value;
        }
        for (Index j = 0; j < k; ++j) {
            m.xy[i * k + j] = sums[i * ld + p + j] - total * dx[i] * dy[j];
            check += m.xy[i * k + j];
        }
        const double spread = std::max(0.0, m.xx[i * p + i]) * share;
        m.x_size[i] = std::sqrt(spread + m.x_mean[i] * m.x_mean[i]);
        check += m.xx[i * p + i] + m.x_mean[i];
    }
    for (Index j = 0; j < k; ++j) {
        m.yy[j] = std::max(0.0, sums[(p + j) * ld + p + j] - total * dy[j] * dy[j]);
        check += sums[(p + j) * ld + p + j] + m.y_mean[j];
    }
    m.finite = std::isfinite(check);
    return m;
}

}  // namespace

namespace {

// Where the rows of the next panel lie, if they are contiguous.
template <class T>
const char* next_panel(MatrixView<const T> x, Index panel) {
    return reinterpret_cast<const char*>(x.data + std::min((panel + 1) * panel_rows, x.rows) * x.row_stride);
}
template <class T>
Index next_bytes(MatrixView<const T> x, Index panel) {
    if (x.col_stride != 1 || x.row_stride != x.cols) return 0;
    return std::clamp<Index>(x.rows - (panel + 1) * panel_rows, 0, panel_rows) * x.row_stride * Index(sizeof(T));
}

template <class T, class Compute>
Moments shifted_moments(MatrixView<const T> x, MatrixView<const T> y, VectorView<const T> weight, bool centre,
                        const std::vector<double>& x_shift, const std::vector<double>& y_shift, int threads) {
    const Index n = x.rows, columns = x.cols + y.cols + 1;
    const auto& family = simd::kernels().of<Compute>();
    const auto& kernel = columns <= narrow_columns ? family.narrow : family.wide;
    const PanelPacker<T, Compute> packer(x, y, weight, x_shift, y_shift, kernel.lanes);
    const Index width = packer.width(), strips = packer.strips();
    const Index targets = (x.cols + kernel.lanes - 1) / kernel.lanes;
    const Index panels = (n + panel_rows - 1) / panel_rows;
    const bool weighted = static_cast<bool>(weight);
    InterruptPoll interrupt;
    std::vector<double> sums(static_cast<std::size_t>(width * width), 0.0);

    if (columns <= lane_columns) {  // each lane of rows sums into its own accumulator
        const Index lanes = std::clamp<Index>(n / rows_per_lane, 1, max_lanes);
        std::vector<double> partial(lanes > 1 ? static_cast<std::size_t>(lanes * width * width) : 0, 0.0);
        parallel_tasks(lanes, threads, [&](Index lane) {
            const AlignedBuffer<Compute> buffer((weighted ? 2 : 1) * panel_rows * width);
            Compute* second = weighted ? buffer.data + panel_rows * width : nullptr;
            double* out = lanes > 1 ? partial.data() + lane * width * width : sums.data();
            for (Index panel = lane * panels / lanes; panel < (lane + 1) * panels / lanes; ++panel) {
                const Index begin = panel * panel_rows, count = std::min(panel_rows, n - begin);
                packer.pack(kernel, begin, count, count, buffer.data, second);
                kernel.by_rows(buffer.data, weighted ? second : buffer.data, count, strips, targets, 0, strips, out,
                               width, next_panel(x, panel), next_bytes(x, panel));
            }
        });
        for (Index lane = 0; lanes > 1 && lane < lanes; ++lane)
            for (Index e = 0; e < width * width; ++e) sums[e] += partial[lane * width * width + e];
    } else {  // threads own tiles of the one accumulator; the panel is packed together, then swept together
        const AlignedBuffer<Compute> buffer((weighted ? 2 : 1) * panel_rows * width);
        Compute* second = weighted ? buffer.data + panel_rows * width : nullptr;
        const Index groups = (strips + kernel.group - 1) / kernel.group;
        auto begin_of = [&](Index panel) { return panel * panel_rows; };
        auto count_of = [&](Index panel) { return std::min(panel_rows, n - panel * panel_rows); };
        parallel_rounds(
            panels, threads, [&](Index panel) { return (count_of(panel) + pack_rows - 1) / pack_rows; },
            [&](Index panel, Index task) {
                const Index from = task * pack_rows, count = std::min(pack_rows, count_of(panel) - from);
                packer.pack(kernel, begin_of(panel) + from, count, count_of(panel), buffer.data + from * kernel.lanes,
                            weighted ? second + from * kernel.lanes : nullptr);
            },
            [&](Index) { return groups; },
            [&](Index panel, Index task) {
                const Index group = groups - 1 - task;  // the longest first
                const Index from = group * kernel.group, to = std::min(strips, from + kernel.group);
                const Index bytes = next_bytes(x, panel), area = strips * strips;  // a group's share of the next panel
                kernel.by_columns(buffer.data, weighted ? second : buffer.data, count_of(panel), strips, targets, from,
                                  to, sums.data(), width, next_panel(x, panel) + bytes * from * from / area,
                                  bytes * (to * to - from * from) / area);
            },
            [&] { return interrupt.poll(); });
    }
    Moments m = finish(sums.data(), width, x.cols, y.cols, centre, packer.shift_x(), packer.shift_y());
    m.interrupted = interrupt.stopped();
    return m;
}

}  // namespace

template <class T, class Compute>
Moments dense_moments(MatrixView<const T> x, MatrixView<const T> y, VectorView<const T> weight, bool centre,
                      int threads) {
    std::vector<double> x_shift(static_cast<std::size_t>(x.cols), 0.0), y_shift(static_cast<std::size_t>(y.cols), 0.0);
    if (centre) {
        x_shift = sample_mean(x, weight);
        y_shift = sample_mean(y, weight);
    }
    Moments m = shifted_moments<T, Compute>(x, y, weight, centre, x_shift, y_shift, threads);
    if (!centre || !m.finite || m.interrupted) return m;
    bool far = false;
    for (Index j = 0; j < x.cols; ++j) far = far || shift_was_far(m, j, m.x_mean[j] - x_shift[j]);
    if (!far) return m;
    return shifted_moments<T, Compute>(x, y, weight, centre, std::vector<double>(m.x_mean),
                                       std::vector<double>(m.y_mean), threads);
}

template Moments dense_moments<double, double>(MatrixView<const double>, MatrixView<const double>,
                                               VectorView<const double>, bool, int);
template Moments dense_moments<float, float>(MatrixView<const float>, MatrixView<const float>, VectorView<const float>,
                                             bool, int);
template Moments dense_moments<float, double>(MatrixView<const float>, MatrixView<const float>, VectorView<const float>,
                                              bool, int);

}  // namespace mlcraft
