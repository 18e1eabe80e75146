#include "mlcraft/stats/resampled_sums.hpp"

#include <algorithm>
#include <atomic>
#include <vector>

#include "mlcraft/core/buffer.hpp"
#include "mlcraft/core/threads.hpp"
#include "mlcraft/simd/kernels.hpp"
#include "mlcraft/stats/banded.hpp"

namespace mlcraft {
namespace {

constexpr Index rows_of_sums = 512;               // in a block
constexpr Index block_stride = rows_of_sums + 8;  // of its columns: not a power of two, which would share cache lines
constexpr Index columns_in_cache = 48;            // of a block of products
constexpr Index most_resamples = 120;             // in a batch
constexpr Index weights_of_batch = 1 << 22;       // the most elements that the weights of a batch take

struct ColumnsOf {  // right-hand sides: one vector of `rows` elements for each resample of the batch
    const double* data;
    Index stride, count, rows;
};

// Adds the products of columns, made one after the other, with the right-hand sides.
class ColumnSums {
public:
    ColumnSums(const ColumnsOf& sides, double* panel, double* out, Index width)
        : sides_(sides), panel_(panel), out_(out), width_(width) {}

    double* next() {
        if (filled_ == columns_in_cache) flush();
        return panel_ + filled_++ * block_stride;
    }
    void flush() {
        simd::kernels().f64.multi_dots(panel_, block_stride, filled_, sides_.rows, sides_.data, sides_.stride,
                                       sides_.count, out_ + done_, width_);
        done_ += filled_;
        filled_ = 0;
    }

private:
    const ColumnsOf sides_;
    double *panel_, *out_;
    const Index width_;
    Index filled_ = 0, done_ = 0;
};

class ResampledPass {
public:
    ResampledPass(const ResampledProblem& problem, const Resampling& resampling, const ResampledSums& out)
        : p_(problem), resampling_(resampling), out_(out), n_(problem.rows.rows), width_(problem.width()),
          first_z_(problem.constant ? 1 : 0), pairs_(out.gram ? width_ * (width_ + 1) / 2 : 0),
          columns_(pairs_ + (out.score ? problem.targets * width_ : 0)),
          to_z_(problem.rows.cols, problem.whitener.rank) {
        for (Index j = 0; j < problem.rows.cols; ++j)
            for (Index r = 0; r < problem.whitener.rank; ++r)
                to_z_.set(j, r, problem.whitener.root[j * problem.whitener.rank + r]);
    }

    // Resamples number, ..., number + count - 1 of those asked for, which begin with resample `first`.
    template <class Stop>
    void run(Index first, Index number, Index count, Stop&& stop) const {
        Batch b(*this, number, count);
        for (Index r = 0; r < count; ++r) {
            if (stop()) return;
            resample_weights(resampling_, first + number + r, b.weights.data + r * n_, b.units.data());
        }
        for (Index begin = 0; begin < n_; begin += rows_of_sums) {
            if (stop()) return;
            const Index rows = std::min(rows_of_sums, n_ - begin);
            read(begin, rows, b);
            if (p_.delta == nullptr)
                common(begin, rows, b);
            else
                separate(begin, rows, b);
        }
        for (Index r = 0; r < count; ++r) deliver(b.sums.data() + r * columns_, number + r);
    }

private:
    struct Batch {
        Batch(const ResampledPass& pass, Index number, Index count)
            : number(number), count(count), weights(count * pass.n_),
              units(pass.resampling_.unit ? static_cast<std::size_t>(pass.resampling_.units) : 0),
              x(static_cast<std::size_t>(pass.p_.rows.cols * block_stride)),
              z(static_cast<std::size_t>(pass.width_ * block_stride), 1.0), panel(columns_in_cache * block_stride),
              scaled(block_stride), sums(static_cast<std::size_t>(count * pass.columns_)),
              eta(static_cast<std::size_t>((pass.p_.delta ? count : pass.p_.targets) * block_stride)),
              hess(static_cast<std::size_t>((pass.p_.delta ? count : 1) * block_stride)) {}

        Index number, count;
        AlignedBuffer<double> weights;  // count x rows
        std::vector<double> units, x, z;
        AlignedBuffer<double> panel;
        std::vector<double> scaled, sums, eta, hess;
    };

    void read(Index begin, Index rows, Batch& b) const {
        p_.rows.read_features(begin, rows, b.x.data(), block_stride);
        for (Index j = 0; j < p_.rows.cols; ++j)
            for (Index i = 0; i < rows; ++i) b.x[j * block_stride + i] -= p_.whitener.mean[j];
        to_z_.multiply(b.x.data(), block_stride, rows, b.z.data() + first_z_ * block_stride);
    }

    // eta becomes a l', hess (where it is not null) a l''.
    void evaluate(Index begin, Index rows, Index target, double* eta, double* hess) const {
        LossRows<double> block;
        block.count = rows;
        block.y = {p_.y + target * n_ + begin, rows, 1};
        if (p_.weight) block.weight = {p_.weight + begin, rows, 1};
        block.eta = eta;
        block.hess = hess;
        block.parameter = p_.parameter;
        p_.loss(block);
    }

    void start(Index begin, Index rows, double* eta) const {
        for (Index i = 0; i < rows; ++i) eta[i] = p_.offset ? p_.offset[begin + i] : 0.0;
    }

    // Products of all pairs of columns, times `factor` where it is not null.
    void add_pairs(ColumnSums& sums, Index rows, const double* factor, Batch& b) const {
        for (Index j = 0; j < width_; ++j) {
            const double* left = b.z.data() + j * block_stride;
            if (factor) {
                for (Index i = 0; i < rows; ++i) b.scaled[i] = left[i] * factor[i];
                left = b.scaled.data();
            }
            for (Index k = j; k < width_; ++k) {
                const double* right = b.z.data() + k * block_stride;
                double* product = sums.next();
                for (Index i = 0; i < rows; ++i) product[i] = left[i] * right[i];
            }
        }
    }

    // All resamples have the same eta: the weights are the right-hand sides.
    void common(Index begin, Index rows, Batch& b) const {
        for (Index t = 0; t < p_.targets; ++t) {
            double* eta = b.eta.data() + t * block_stride;
            start(begin, rows, eta);
            evaluate(begin, rows, t, eta, t == 0 ? b.hess.data() : nullptr);
        }
        ColumnSums sums({b.weights.data + begin, n_, b.count, rows}, b.panel.data, b.sums.data(), columns_);
        if (out_.gram) {
            if (out_.squared)
                for (Index i = 0; i < rows; ++i) b.hess[i] = b.eta[i] * b.eta[i];
            add_pairs(sums, rows, b.hess.data(), b);
        }
        for (Index t = 0; out_.score && t < p_.targets; ++t)
            for (Index j = 0; j < width_; ++j) {
                const double *eta = b.eta.data() + t * block_stride, *z = b.z.data() + j * block_stride;
                double* product = sums.next();
                for (Index i = 0; i < rows; ++i) product[i] = eta[i] * z[i];
            }
        sums.flush();
    }

    // Each resample has its own: the right-hand sides are what the loss makes of it, times the weights.
    void separate(Index begin, Index rows, Batch& b) const {
        const auto& kernels = simd::kernels().f64;
        const bool curved = out_.gram && !out_.squared;
        for (Index r = 0; r < b.count; ++r) start(begin, rows, b.eta.data() + r * block_stride);
        kernels.multi_axpys(b.z.data(), block_stride, width_, rows, p_.delta + b.number * width_, width_, b.count,
                            b.eta.data(), block_stride);
        for (Index r = 0; r < b.count; ++r) {
            const double* weight = b.weights.data + r * n_ + begin;
            double *eta = b.eta.data() + r * block_stride, *hess = b.hess.data() + r * block_stride;
            evaluate(begin, rows, 0, eta, curved ? hess : nullptr);
            for (Index i = 0; curved && i < rows; ++i) hess[i] *= weight[i];
            for (Index i = 0; out_.squared && i < rows; ++i) hess[i] = eta[i] * eta[i] * weight[i];
            for (Index i = 0; i < rows; ++i) eta[i] *= weight[i];
        }
        if (out_.gram) {
            ColumnSums sums({b.hess.data(), block_stride, b.count, rows}, b.panel.data, b.sums.data(), columns_);
            add_pairs(sums, rows, nullptr, b);
            sums.flush();
        }
        if (out_.score)
            kernels.multi_dots(b.z.data(), block_stride, width_, rows, b.eta.data(), block_stride, b.count,
                               b.sums.data() + pairs_, columns_);
    }

    void deliver(const double* sums, Index number) const {
        if (out_.gram) {
            double* gram = out_.gram + number * width_ * width_;
            for (Index j = 0; j < width_; ++j)
                for (Index k = j; k < width_; ++k) gram[j * width_ + k] = gram[k * width_ + j] = *sums++;
        }
        if (out_.score) std::copy_n(sums, p_.targets * width_, out_.score + number * p_.targets * width_);
    }

    const ResampledProblem& p_;
    const Resampling& resampling_;
    const ResampledSums& out_;
    const Index n_, width_, first_z_, pairs_, columns_;
    Banded to_z_;
};

}  // namespace

Status resampled_sums(const ResampledProblem& problem, const Resampling& resampling, Index first, Index count,
                      const ResampledSums& out, int threads) {
    const ResampledPass pass(problem, resampling, out);
    const Index fitting = std::max<Index>(4, weights_of_batch / std::max<Index>(problem.rows.rows, 1));
    // four batches for each thread; the bits of a resample do not depend on which others share its batch
    const Index shared = (count + 4 * threads - 1) / (4 * threads);
    const Index batch = std::min({most_resamples, fitting, std::max<Index>(5, (shared + 4) / 5 * 5)});
    InterruptPoll interrupt;
    std::atomic<bool> stopped{false};
    parallel_tasks((count + batch - 1) / batch, threads, [&](Index task) {
        const auto stop = [&] {
#ifdef _OPENMP
            const bool calling = omp_get_thread_num() == 0;
#else
            const bool calling = true;
#endif
            if (calling && interrupt.poll()) stopped.store(true, std::memory_order_relaxed);
            return stopped.load(std::memory_order_relaxed);
        };
        if (!stop()) pass.run(first, task * batch, std::min(batch, count - task * batch), stop);
    });
    return stopped ? Status::interrupted : Status::converged;
}

}  // namespace mlcraft
