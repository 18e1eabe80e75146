// Sums over the rows of a design, in lanes, so that they do not depend on the number of threads.
#pragma once

#include <algorithm>
#include <vector>

#include "mlcraft/core/threads.hpp"
#include "mlcraft/core/types.hpp"

namespace mlcraft {

// Runs body(begin, count, sums) over blocks of `rows` rows, lane by lane; each lane has its own sums, added in order.
template <class Body>
std::vector<double> sum_over_rows(Index n, Index rows, Index lanes, Index sums, int threads, Body&& body) {
    const Index blocks = (n + rows - 1) / rows;
    std::vector<double> parts(static_cast<std::size_t>(lanes * sums), 0.0);
    parallel_tasks(lanes, threads, [&](Index lane) {
        for (Index b = lane * blocks / lanes; b < (lane + 1) * blocks / lanes; ++b)
            body(b * rows, std::min(rows, n - b * rows), parts.data() + lane * sums);
    });
    for (Index lane = 1; lane < lanes; ++lane)
        for (Index j = 0; j < sums; ++j) parts[j] += parts[lane * sums + j];
    parts.resize(static_cast<std::size_t>(sums));
    return parts;
}

// What the matrix holds: elements, or stored ones.
template <class Matrix>
double stored_elements(const Matrix& x) {
    if constexpr (requires { x.stored(); })
        return static_cast<double>(x.stored());
    else
        return static_cast<double>(x.rows()) * static_cast<double>(x.cols());
}

// Lanes for sums of all columns: by the work there is, and not so many that adding them up costs more than the pass.
template <class Matrix>
Index pass_lanes(const Matrix& x) {
    const double elements = stored_elements(x);
    const double most = std::min(elements / 65536 + static_cast<double>(x.rows()) / 4096,
                                 elements / (4.0 * static_cast<double>(x.cols() + 1)));
    return std::clamp<Index>(static_cast<Index>(most), 1, std::min<Index>(64, x.rows() / 64 + 1));
}

}  // namespace mlcraft
