// Linear predictions of all rows: out_it = x_i'b_t + c_t, in the dtype of x, for k coefficient vectors b_t.
#pragma once

#include <algorithm>
#include <atomic>

#include "mlcraft/core/threads.hpp"
#include "mlcraft/core/types.hpp"

namespace mlcraft {

inline constexpr Index worth_releasing = 20'000;     // elements of x from which other work of the caller may go on
inline constexpr Index worth_two_threads = 400'000;  // elements of x from which a second thread pays

// coef is k x cols, intercept k, out rows x k, all by rows. Tells whether every prediction is finite.
template <class Matrix>
bool predict_linear(const Matrix& x, const typename Matrix::value_type* coef, const double* intercept, Index k,
                    typename Matrix::value_type* out, int threads) {
    using T = typename Matrix::value_type;
    constexpr Index block = 256;
    const Index n = x.rows(), p = x.cols();
    std::atomic<bool> finite{true};
    const auto task = [&](Index index) {
        const Index begin = index * block, count = std::min(block, n - begin);
        T eta[block];
        for (Index t = 0; t < k; ++t) {
            std::fill(eta, eta + count, T(0));
            x.times(begin, count, coef + t * p, eta);
            const T offset = static_cast<T>(intercept[t]);
            T check = 0;
            for (Index i = 0; i < count; ++i) {
                const T value = eta[i] + offset;
                check += value * T(0);
                out[(begin + i) * k + t] = value;
            }
            if (check != T(0)) finite = false;
        }
    };
    const Index blocks = (n + block - 1) / block;
    if (threads < 2)
        for (Index index = 0; index < blocks; ++index) task(index);
    else
        parallel_tasks(blocks, threads, task);
    return finite;
}

}  // namespace mlcraft
