// The definitions of the library, for a program that uses the headers: include this in exactly one source file. The
// inner loops are compiled for the instruction set that the program is compiled for (-march=native, for example);
// compile with -O3 -ffp-contract=fast and, for threads, -fopenmp; on x86 without AVX also with -mno-mmx, since GCC may
// copy through those registers, which are those of long double.
#pragma once

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsubobject-linkage"  // as it must be: these are the definitions, once in a program
#endif

#define MLCRAFT_SIMD_LEVEL baseline
#include "mlcraft/simd/kernels.cpp"
#undef MLCRAFT_SIMD_LEVEL

#include "mlcraft/core/threads.cpp"
#include "mlcraft/moments/cholesky.cpp"
#include "mlcraft/moments/dual.cpp"
#include "mlcraft/moments/gather.cpp"
#include "mlcraft/moments/moments.cpp"
#include "mlcraft/moments/sparse.cpp"
#include "mlcraft/moments/update.cpp"
#include "mlcraft/simd/dispatch.cpp"
#include "mlcraft/solver/box_interior_point.cpp"
#include "mlcraft/solver/box_rounds.cpp"
#include "mlcraft/solver/conjugate_gradient.cpp"
#include "mlcraft/solver/dependence.cpp"
#include "mlcraft/solver/descent_problem.cpp"
#include "mlcraft/solver/descent_run.cpp"
#include "mlcraft/solver/dual_coordinate_descent.cpp"
#include "mlcraft/solver/first_order.cpp"
#include "mlcraft/solver/least_squares.cpp"
#include "mlcraft/solver/metric.cpp"
#include "mlcraft/solver/multinomial.cpp"
#include "mlcraft/solver/nonnegative.cpp"
#include "mlcraft/solver/orthogonal.cpp"
#include "mlcraft/solver/point.cpp"
#include "mlcraft/solver/refinement.cpp"
#include "mlcraft/solver/row_qr.cpp"
#include "mlcraft/solver/sgd.cpp"
#include "mlcraft/solver/smooth.cpp"
#include "mlcraft/solver/spectral.cpp"
#include "mlcraft/solver/stochastic.cpp"
#include "mlcraft/solver/sums_of_squares.cpp"
#include "mlcraft/solver/wide.cpp"
#include "mlcraft/stats/folds.cpp"
#include "mlcraft/stats/leave_one_out.cpp"
#include "mlcraft/stats/leverage.cpp"
#include "mlcraft/stats/logistic_information.cpp"
#include "mlcraft/stats/metric_pass.cpp"
#include "mlcraft/stats/metric_sums.cpp"
#include "mlcraft/stats/order_bounds.cpp"
#include "mlcraft/stats/ranking.cpp"
#include "mlcraft/stats/resample.cpp"
#include "mlcraft/stats/resampled_metrics.cpp"
#include "mlcraft/stats/resampled_sums.cpp"
#include "mlcraft/stats/sandwich.cpp"

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif
