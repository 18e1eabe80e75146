// What a pass over the rows and a factorised Gram matrix cost, in nanoseconds on two ordinary cores: by these figures
// the solvers choose among methods. The threads at hand play no part, so that they do not change the bits of a result.
#pragma once

#include <algorithm>
#include <cmath>

#include "mlcraft/core/types.hpp"
#include "mlcraft/solver/smooth.hpp"

namespace mlcraft {

struct WorkEstimate {
    double pass = 0;
    double gram = 0;          // with its factorisation
    bool may_factor = false;  // whether the p x p matrices fit in memory
};

template <class Matrix>
WorkEstimate estimate_work(const Matrix& x, Index rows) {
    using T = typename Matrix::value_type;
    const double n = static_cast<double>(rows), p = static_cast<double>(x.cols());
    const double wide = sizeof(T) / 8.0;
    WorkEstimate work;
    if constexpr (requires { x.stored(); }) {
        const double row = static_cast<double>(x.stored()) / static_cast<double>(x.rows());
        work.pass = n * (1.5 + row) + 8 * p + 2000;
        work.gram = n * row * (row + 4) + 6 * p * p;
    } else {
        work.pass = n * (2 + 0.2 * wide * p) + 4 * p + 2000;
        work.gram = n * p * (0.011 * p + 0.6) * (0.2 + 0.8 * wide) + 4 * p * p;
    }
    work.gram += p * p * p * (p < 256 ? 0.03 : 0.015);
    work.may_factor = x.cols() <= 6000;
    return work;
}

// How to begin: on a sample of the rows (0: on all), with a factorised metric or a diagonal one.
struct SmoothPlan {
    Index sample = 0;
    bool factor = true;
};

// A metric from s of the rows makes the error of conjugate gradients shrink by sqrt(p / s) an iteration, so that
// about 23 / log(s / p) of them are left to a relative objective of 1e-10.
template <class Matrix>
SmoothPlan plan_smooth(const Matrix& x, SmoothMethod method) {
    if (method != SmoothMethod::cheapest) return {0, method == SmoothMethod::newton};
    const double p = static_cast<double>(x.cols());
    const WorkEstimate all = estimate_work(x, x.rows());
    SmoothPlan plan;
    double least = std::min(6 * (all.pass + all.gram), all.gram + 15 * all.pass);
    if (!all.may_factor || 60 * all.pass < least) {
        least = 60 * all.pass;
        plan.factor = false;
    }
    if (!all.may_factor) return plan;
    for (Index s = x.rows() / 2; s >= std::max<Index>(3 * x.cols(), 1024); s /= 2) {
        const WorkEstimate some = estimate_work(x, s);
        const double grams = some.gram < 2 * all.pass ? 3 : 1.3;
        const double cost =
            grams * some.gram + 15 * some.pass + (3 + 20 / std::log(static_cast<double>(s) / p)) * all.pass;
        if (cost < least) {
            least = cost;
            plan = {s, true};
        }
    }
    return plan;
}

}  // namespace mlcraft
