// Moments of parts of the rows, and of everything but each part: cross-validation without a second pass over X.
#pragma once

#include <cstdint>
#include <vector>

#include "mlcraft/moments/moments.hpp"

namespace mlcraft {

// Fold f holds the rows order[starts[f]] .. order[starts[f + 1] - 1], repeated where an index is. Products of single
// precision data are in double. A fold is cut into lanes by its size alone; lanes are merged in their order.
template <class T>
std::vector<Moments> fold_moments(MatrixView<const T> x, MatrixView<const T> y, VectorView<const T> weight,
                                  const std::vector<std::int64_t>& order, const std::vector<std::int64_t>& starts,
                                  bool centre, int threads);

// For each of the parts the moments of all the others together: merged, never subtracted, so that a part that holds
// nearly all of the spread leaves no rounding behind. 2 merges a part.
std::vector<Moments> left_out_moments(const std::vector<Moments>& parts);

extern template std::vector<Moments> fold_moments<double>(MatrixView<const double>, MatrixView<const double>,
                                                          VectorView<const double>, const std::vector<std::int64_t>&,
                                                          const std::vector<std::int64_t>&, bool, int);
extern template std::vector<Moments> fold_moments<float>(MatrixView<const float>, MatrixView<const float>,
                                                         VectorView<const float>, const std::vector<std::int64_t>&,
                                                         const std::vector<std::int64_t>&, bool, int);

}  // namespace mlcraft
