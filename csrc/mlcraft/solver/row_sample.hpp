// Some rows, spread evenly over all: one at random from each of `count` runs of neighbours, so that sorted
// data are sampled as well as shuffled ones. The choice depends on the sizes alone.
#pragma once

#include <cstdint>
#include <vector>

#include "mlcraft/core/types.hpp"

namespace mlcraft {

inline std::vector<Index> spread_rows(Index rows, Index count) {
    std::vector<Index> chosen(static_cast<std::size_t>(count));
    for (Index k = 0; k < count; ++k) {
        std::uint64_t h = static_cast<std::uint64_t>(k) + 0x9e3779b97f4a7c15u;  // splitmix64
        h = (h ^ (h >> 30)) * 0xbf58476d1ce4e5b9u;
        h = (h ^ (h >> 27)) * 0x94d049bb133111ebu;
        h ^= h >> 31;
        const Index first = k * rows / count, size = (k + 1) * rows / count - first;
        chosen[k] = first + static_cast<Index>(h % static_cast<std::uint64_t>(size));
    }
    return chosen;
}

template <class T>
std::vector<T> take(VectorView<const T> v, const std::vector<Index>& rows) {
    std::vector<T> out;
    if (!v) return out;
    out.reserve(rows.size());
    for (Index i : rows) out.push_back(v[i]);
    return out;
}

}  // namespace mlcraft
