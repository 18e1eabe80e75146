// Compiled once for each instruction set: MLCRAFT_SIMD_LEVEL names the namespace. Includes nothing that could leave an
// inline function compiled for a newer machine where the linker picks it for all.
#include "mlcraft/simd/kernels.hpp"

#include <type_traits>
#include <utility>

namespace mlcraft::simd::MLCRAFT_SIMD_LEVEL {
namespace {

#include "mlcraft/simd/extended_loops.hpp"
#include "mlcraft/simd/gram_tile.hpp"
#include "mlcraft/simd/vector_loops.hpp"

// which the following need
#include "mlcraft/simd/many_loops.hpp"
#include "mlcraft/simd/vector_math.hpp"

// which the losses need
#include "mlcraft/simd/loss_loops.hpp"
#include "mlcraft/simd/sgd_row.hpp"

// which the steps need
#include "mlcraft/simd/sgd_loops.hpp"

#if defined(__AVX512F__)
constexpr int wide_f64 = 8, wide_f32 = 16, wide_rows = 8, wide_vectors = 3, narrow_rows = 4, narrow_vectors = 6;
constexpr int narrow_f64 = 4, narrow_f32 = 8, dots_rows = 4, dots_sides = 5, axpys_vectors = 3;
#elif defined(__AVX2__)
constexpr int wide_f64 = 4, wide_f32 = 8, wide_rows = 4, wide_vectors = 3, narrow_rows = 4, narrow_vectors = 3;
constexpr int narrow_f64 = 4, narrow_f32 = 8, dots_rows = 3, dots_sides = 4, axpys_vectors = 2;
#elif defined(__aarch64__)
constexpr int wide_f64 = 2, wide_f32 = 4, wide_rows = 2, wide_vectors = 6, narrow_rows = 2, narrow_vectors = 6;
constexpr int narrow_f64 = 2, narrow_f32 = 4, dots_rows = 4, dots_sides = 5, axpys_vectors = 3;
#else
constexpr int wide_f64 = 2, wide_f32 = 4, wide_rows = 2, wide_vectors = 4, narrow_rows = 2, narrow_vectors = 4;
constexpr int narrow_f64 = 2, narrow_f32 = 4, dots_rows = 3, dots_sides = 4, axpys_vectors = 2;
#endif

template <class T, int Wide, int Narrow>
constexpr Kernels<T> make() {
    return {gram_kernel<T, Narrow, narrow_rows, narrow_vectors>(),
            gram_kernel<T, Wide, wide_rows, wide_vectors>(),
            dots<T, Wide>,
            axpys<T, Wide>,
            multi_dots<T, Wide, dots_rows, dots_sides>,
            multi_axpys<T, Wide, axpys_vectors, 6>,
            block_dots<T, Wide>,
            block_sum<T, Wide>,
            block_axpys<T, Wide>,
            rank_one<T, Wide>,
            sum<T, Wide>,
            {loss_rows<T, Wide, SquaredRows>, loss_rows<T, Wide, LogisticRows>, loss_rows<T, Wide, SquaredHingeRows>,
             loss_rows<T, Wide, HingeRows>, loss_rows<T, Wide, ModifiedHuberRows>, loss_rows<T, Wide, HuberRows>,
             loss_rows<T, Wide, EpsilonInsensitiveRows>, loss_rows<T, Wide, SquaredEpsilonInsensitiveRows>,
             loss_rows<T, Wide, QuantileRows>, loss_rows<T, Wide, PoissonRows>, multinomial_rows<T, Wide>},
            sgd_kernels<T, Wide>(),
            map_exp<T, Wide>,
            map_log1p<T, Wide>};
}

#define MLCRAFT_NAME_OF(level) #level
#define MLCRAFT_NAME(level) MLCRAFT_NAME_OF(level)

constexpr KernelTable kernel_table{MLCRAFT_NAME(MLCRAFT_SIMD_LEVEL),
                                   make<double, wide_f64, narrow_f64>(),
                                   make<float, wide_f32, narrow_f32>(),
                                   {extended_residual, extended_gradient, extended_centre}};

}  // namespace

const KernelTable& table();
const KernelTable& table() { return kernel_table; }

}  // namespace mlcraft::simd::MLCRAFT_SIMD_LEVEL
