// Random bits by counter, so that a draw does not depend on who makes it: the same seed gives the same bits.
#pragma once

#include <cstdint>

namespace mlcraft {

// Element `counter` of stream `seed`: the finaliser of splitmix64 (Steele, Lea and Flood 2014) over a Weyl sequence.
inline std::uint64_t random_bits(std::uint64_t seed, std::uint64_t counter) {
    std::uint64_t v = seed * 0xd1342543de82ef95u + (counter + 1) * 0x9e3779b97f4a7c15u;
    v = (v ^ (v >> 30)) * 0xbf58476d1ce4e5b9u;
    v = (v ^ (v >> 27)) * 0x94d049bb133111ebu;
    return v ^ (v >> 31);
}

}  // namespace mlcraft
