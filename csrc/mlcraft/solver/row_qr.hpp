// Householder QR that takes rows a block at a time and keeps the triangle only.
//
// Column j of a block of rows B is reduced against the diagonal element R_jj alone, since the rows of R below j have no
// element there: v = [1; B_j / (R_jj - beta)], beta = -sign(R_jj) |[R_jj; B_j]| (Golub and Van Loan 2013, 5.1
// and 6.5.3). Backward stable; the order of the arithmetic depends on the rows alone.
#pragma once

#include <vector>

#include "mlcraft/core/types.hpp"

namespace mlcraft {

class RowQr {
public:
    static constexpr Index block = 64;  // rows a block holds at most; its columns lie `block` apart

    RowQr(Index features, Index targets);

    // Takes in rows [x, y] of `count` <= block, column by column in `columns` (features + targets columns), and
    // overwrites them.
    void add(double* columns, Index count);

    // Takes in what another has seen.
    void merge(const RowQr& other);

    // Row-major features x (features + targets): R and Q'y.
    const std::vector<double>& rows() const { return r_; }

private:
    Index features_, width_;
    std::vector<double> r_, products_;
};

}  // namespace mlcraft
