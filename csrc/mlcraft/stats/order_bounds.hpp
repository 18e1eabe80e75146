// Order statistics of left-out predictions with offsets, for many points: what jackknife+ and CV+ intervals end at
// (Barber, Candes, Ramdas and Tibshirani 2021). For point x, training row i, side s and rank r
//
//   v_si(x) = f_-i(x) + c(x) o_si,   f_-i(x) = base(x) + sum_k points_xk weights_ik  or  base(x) + points_x,member(i)
//   out(x, s, l) = the r_sl-th smallest of v_s1(x) .. v_sn(x), counted from one
//
// for a few points at a time: memory O(n) a thread, never points x n. Exact whatever the order of the rows: a sample
// only tells where to look (Floyd and Rivest 1975). Ranks below one give minus infinity, above n infinity.
#pragma once

#include "mlcraft/core/types.hpp"

namespace mlcraft {

// All arrays are contiguous, row by row, and belong to the caller.
struct OrderBounds {
    Index points = 0, rows = 0, width = 0, levels = 0;
    const double* base = nullptr;     // points; null: zeros
    const double* left = nullptr;     // points x width
    const double* weights = nullptr;  // rows x width; null with `member`
    const Index* member = nullptr;    // rows, in [0, width); null with `weights`
    const double* offset = nullptr;   // 2 x rows: of the lower and of the upper side
    const double* scale = nullptr;    // points; null: ones
    const Index* rank = nullptr;      // 2 x levels
};

// out: points x 2 x levels. A value that is not a number counts as minus infinity on the lower side, plus on the upper.
Status order_bounds(const OrderBounds& problem, double* out, int threads);

}  // namespace mlcraft
