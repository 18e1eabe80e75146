// A number as an unevaluated sum of two doubles: about 32 decimal digits (Dekker 1971).
#pragma once

#include <cmath>

namespace mlcraft {

struct DoubleDouble {
    double hi = 0;
    double lo = 0;

    DoubleDouble() = default;
    DoubleDouble(double h, double l = 0) : hi(h), lo(l) {}  // NOLINT: a double is a DoubleDouble
    double value() const { return hi + lo; }
};

inline DoubleDouble normalised(double big, double small) {
    const double sum = big + small;
    return {sum, small - (sum - big)};
}

inline DoubleDouble operator+(DoubleDouble a, DoubleDouble b) {
    const double sum = a.hi + b.hi, part = sum - a.hi;
    const double error = (a.hi - (sum - part)) + (b.hi - part);
    return normalised(sum, error + a.lo + b.lo);
}

inline DoubleDouble operator-(DoubleDouble a) { return {-a.hi, -a.lo}; }
inline DoubleDouble operator-(DoubleDouble a, DoubleDouble b) { return a + -b; }

inline DoubleDouble operator*(DoubleDouble a, DoubleDouble b) {
    const double product = a.hi * b.hi;
    const double error = std::fma(a.hi, b.hi, -product) + (a.hi * b.lo + a.lo * b.hi);
    return normalised(product, error);
}

}  // namespace mlcraft
