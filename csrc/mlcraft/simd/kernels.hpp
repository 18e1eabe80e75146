// The table of hand-written inner loops. One source, kernels.cpp, is compiled once for each instruction set; the table
// of the best one that the machine has is chosen when the module loads (dispatch.cpp).
#pragma once

#include "mlcraft/core/types.hpp"

namespace mlcraft::simd {

// Packed panels: `depth` rows of a matrix Z in strips of `lanes` columns, strip after strip, each strip row by row:
// element (row, column) lies at packed[(column / lanes) * depth * lanes + row * lanes + column % lanes].
template <class T>
struct GramKernel {
    Index lanes;  // columns in a strip

    // packed[., first + j] = x(., j) - shift[j] for j < cols, and weighted = weight * packed where weight is given.
    void (*pack)(MatrixView<const T> x, const T* shift, VectorView<const T> weight, Index first, Index depth, T* packed,
                 T* weighted);

    // out += A' B for the upper triangle of strip pairs (row-major, leading dimension ld = strips * lanes), row strips
    // [begin, end). Row strips from `targets` on meet only themselves and the last strip.
    // Meanwhile `next_bytes` of memory from `next` on, of which the next panel will be packed, are asked for.
    void (*by_rows)(const T* a, const T* b, Index depth, Index strips, Index targets, Index begin, Index end,
                    double* out, Index ld, const void* next, Index next_bytes);

    // The same for one group of adjacent column strips [begin, end), against all row strips above them.
    void (*by_columns)(const T* a, const T* b, Index depth, Index strips, Index targets, Index begin, Index end,
                       double* out, Index ld, const void* next, Index next_bytes);
    Index group;  // column strips in a group
};

// Sums over a block of rows.
struct LossSums {
    double value = 0;     // sum w value(y, eta)
    double gradient = 0;  // sum w gradient(y, eta)
    double weight = 0;    // sum w
};

// One block of rows of the losses in loss/: eta becomes w * gradient, hess (where it is not null) w * hessian; without
// weight (null) w is 1.
template <class T>
struct LossKernels {
    using Rows = LossSums (*)(const T* y, const T* weight, Index count, T parameter, T* eta, T* hess);
    Rows squared, logistic, squared_hinge, hinge, modified_huber, huber, epsilon_insensitive,
        squared_epsilon_insensitive, quantile, poisson;
    // see loss/multinomial.hpp
    LossSums (*multinomial)(const T* y, const T* weight, Index count, Index classes, T* eta, T* share, Index ld);
};

// Stochastic gradient descent, see solver/sgd.hpp. Scalars are double whatever the type of the data.
enum class SgdLoss {
    hinge,
    squared_hinge,
    log_loss,
    modified_huber,
    squared_error,
    huber,
    epsilon_insensitive,
    squared_epsilon_insensitive,
    given  // y is the gradient
};

struct SgdRule {  // what does not change within an epoch
    SgdLoss loss = SgdLoss::hinge;
    double parameter = 0;  // threshold of the hinge, delta or epsilon
    int aggressive = 0;    // passive-aggressive steps: 1 bounded by eta0, 2 damped by it
    double eta0 = 0;
    double alpha = 0;
    double shrinkage = 0;                   // alpha (1 - l1_ratio): the scale of w loses eta times that
    double l1_rate = 0;                     // alpha l1_ratio
    double square_cost = 0, size_cost = 0;  // of |w|^2 and |w|_1 in the objective
    double decay = 1;                       // factor of the intercept's steps
    double average = 0;                     // the step from which iterates are averaged, 0: never
    double least_scale = 0;
    bool shrinks = false, l1 = false, fit_intercept = true, one_class = false;
    bool objective = false;  // whether the penalty is summed
};

template <class T>
struct SgdModel {
    Index size = 0;
    T *w = nullptr, *q = nullptr, *average = nullptr;  // in memory for whole vectors; q with L1, average or null
    double scale = 1;                                  // the coefficients are scale * w
    double squared_norm = 0, l1_norm = 0;
    double average_a = 0, average_b = 1;  // the averaged coefficients are (average + average_a w) / average_b
    double intercept = 0, average_intercept = 0;
    double u = 0;  // the L1 penalty due so far
    double t = 1;
    double penalty = 0;  // its sum over the steps
};

struct SgdBlock {  // some steps, and `ahead` rows more to ask memory for
    Index count, ahead;
    const double *y, *weight, *eta;
    double* predicted;
};

template <class T, class I>
struct SgdSparseRow {
    const T* values;
    const I* indices;
    Index count;
};

template <class T>
struct SgdKernels {
    // rows of elements that lie together; a whole vector can be read at their end
    void (*dense)(const SgdRule& rule, SgdModel<T>& model, const SgdBlock& block, const T* const* rows);
    void (*sparse32)(const SgdRule& rule, SgdModel<T>& model, const SgdBlock& block,
                     const SgdSparseRow<T, std::int32_t>* rows);
    void (*sparse64)(const SgdRule& rule, SgdModel<T>& model, const SgdBlock& block,
                     const SgdSparseRow<T, std::int64_t>* rows);
    void (*rescale)(SgdModel<T>& model);  // scale becomes one, the average itself
    void (*gradients)(const SgdRule& rule, Index count, const double* y, double* predicted);  // in place
};
inline constexpr Index sgd_padding = 16;  // elements of the longest vector

template <class T>
struct Kernels {
    GramKernel<T> narrow;  // for few columns: short strips, little padding
    GramKernel<T> wide;

    // out[i] += x_i . v for `count` contiguous vectors x_i = x + i * stride of `length` elements.
    void (*dots)(const T* x, Index stride, Index count, Index length, const T* v, T* out);
    // out += sum_i a[i] x_i for the same vectors.
    void (*axpys)(const T* x, Index stride, Index count, Index length, const T* a, T* out);
    // The same two products with K right-hand sides: out[k * out_stride + i] += x_i . v_k with v_k = v + k * v_stride,
    // and out[k * out_stride + :] += sum_i a[k * a_stride + i] x_i. Fastest where the right-hand sides (dots) or the
    // vectors (axpys) stay in cache.
    void (*multi_dots)(const T* x, Index stride, Index count, Index length, const T* v, Index v_stride, Index K, T* out,
                       Index out_stride);
    void (*multi_axpys)(const T* x, Index stride, Index count, Index length, const T* a, Index a_stride, Index K,
                        T* out, Index out_stride);
    // The two products of a sweep over blocks of contiguous rows, out[i] += x_i . v and out += sum_i a[i] x_i. Each
    // asks for half of the next block's memory. Sums of short rows stay in registers, in another order than that of
    // axpys.
    void (*block_dots)(const T* x, Index count, Index length, const T* v, T* out);
    void (*block_sum)(const T* x, Index count, Index length, const T* a, T* out);
    // axpys of pieces of columns, each followed by its piece of the next block of rows: those are asked for.
    void (*block_axpys)(const T* x, Index stride, Index count, Index length, const T* a, T* out);
    // y_i += a[i] v for `count` contiguous vectors y_i = y + i * stride of `length` elements.
    void (*rank_one)(const T* v, Index length, const T* a, Index count, T* y, Index stride);
    // The sum of all elements: the cheapest pass over memory, which measures the machine's limit.
    double (*sum)(const T* x, Index size);

    LossKernels<T> loss;
    SgdKernels<T> sgd;
    // out = exp(x) or log(1 + x), within two units in the last place; results below the normal numbers become 0
    void (*exp)(const T* x, Index count, T* out);
    void (*log1p)(const T* x, Index count, T* out);
};

// Double-double gradient of least squares, see solver/refinement.hpp. All arrays hold `block` (<= 64) rows, column by
// column (column stride 64): a = x - mean exactly as hi + lo, coefficients as hi + lo.
struct ExtendedKernels {
    // (rh, rl) -= sum_j (a_hi_j + a_lo_j) (b_hi_j + b_lo_j)
    void (*residual)(const double* a_hi, const double* a_lo, Index cols, const double* b_hi, const double* b_lo,
                     double* r_hi, double* r_lo);
    // (g_hi_j, g_lo_j) += sum_i a_ij r_i
    void (*gradient)(const double* a_hi, const double* a_lo, Index cols, const double* r_hi, const double* r_lo,
                     double* g_hi, double* g_lo);
    // (hi, lo) = x - mean without error, for one column
    void (*centre)(const double* x, double mean, double* hi, double* lo);
};
inline constexpr Index extended_block = 64;

struct KernelTable {
    const char* name;
    Kernels<double> f64;
    Kernels<float> f32;
    ExtendedKernels extended;

    template <class T>
    const Kernels<T>& of() const;
};

template <>
inline const Kernels<double>& KernelTable::of<double>() const {
    return f64;
}
template <>
inline const Kernels<float>& KernelTable::of<float>() const {
    return f32;
}

// The table in use: the best level of this machine, or the one named by the environment variable MLCRAFT_SIMD
// (baseline, avx2, avx512) if the machine has it.
const KernelTable& kernels();
const char* simd_level();
// Null-terminated list of the levels that this build and this machine have, best last.
const char* const* available_levels();

}  // namespace mlcraft::simd
