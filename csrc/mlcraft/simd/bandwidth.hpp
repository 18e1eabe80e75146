// The cheapest pass over memory: what a kernel that reads its data once can hope for.
#pragma once

#include "mlcraft/core/threads.hpp"
#include "mlcraft/simd/kernels.hpp"

namespace mlcraft::simd {

// Sum of size contiguous numbers, by all threads given; sum is kernels().f64.sum or kernels().f32.sum.
template <class T, class Sum>
double sum_of_all(const T* data, Index size, int threads, Sum&& sum) {
    constexpr Index lanes = 64;
    double parts[lanes] = {};
    parallel_tasks(lanes, threads, [&](Index lane) {
        const Index begin = lane * size / lanes, end = (lane + 1) * size / lanes;
        parts[lane] = sum(data + begin, end - begin);
    });
    double total = 0;
    for (const double part : parts) total += part;
    return total;
}

}  // namespace mlcraft::simd
