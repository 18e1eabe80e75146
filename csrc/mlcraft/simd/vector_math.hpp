// exp and log1p of vectors, without branches. Included by kernels.cpp inside the namespace of one instruction set.
//
// Both reduce the argument to a short interval, where a polynomial close to the minimax one (Chebyshev interpolation)
// is within a fifth of a unit in the last place (ulp); the rounding of the steps after it brings that to less than 1.5
// ulp (less than 2 is what tests/test_engine_losses.py asks for). NaN passes through. Method: Muller, Elementary
// Functions (2016), chapters 5 and 11.

template <class T>
struct MathConstants;

template <>
struct MathConstants<double> {
    using Unsigned = std::uint64_t;
    static constexpr int mantissa_bits = 52, bias = 1023;
    static constexpr double magic = 0x1.8p52;  // adding it leaves the nearest integer in the lowest bits
    static constexpr double lowest = -708.3964185322641, highest = 709.782712893384;  // exp of these is a normal number
    static constexpr double ln2_hi = 0x1.62e42fec00000p-1, ln2_lo = 0x1.d1cf79abc9e3bp-32;  // hi times integers: exact
    // (exp(r) - 1 - r) / r^2 for |r| <= log(2) / 2
    static constexpr double exp_terms[] = {0.5000000000000001,    0.16666666666666669,    0.04166666666662399,
                                           0.008333333333330051,  0.0013888888917281794,  0.00019841269863105968,
                                           2.480152119021773e-05, 2.7557268378684192e-06, 2.7620138719733994e-07,
                                           2.5100424157005067e-08};
    // (2 atanh(s) - 2 s) / s^3 in powers of s^2, for |s| <= 3 - sqrt(8)
    static constexpr double log_terms[] = {0.666666666666667,   0.3999999999989827,  0.2857142862653362,
                                           0.22222211043776857, 0.18182895750119193, 0.1533150161114533,
                                           0.1461916613488797};
};

template <>
struct MathConstants<float> {
    using Unsigned = std::uint32_t;
    static constexpr int mantissa_bits = 23, bias = 127;
    static constexpr float magic = 0x1.8p23f;
    static constexpr float lowest = -87.33654f, highest = 88.72284f;
    static constexpr float ln2_hi = 0x1.62ep-1f, ln2_lo = 3.1946183e-05f;
    static constexpr float exp_terms[] = {0.5f, 0.16666576f, 0.041666556f, 0.008363203f, 0.0013926213f};
    static constexpr float log_terms[] = {0.66666687f, 0.39988735f, 0.29582024f};
};

template <class T, int L>
using Bits = typename VectorType<typename MathConstants<T>::Unsigned, L>::type;

template <class T, int L>
inline Vector<T, L> all(T value) {
    return value - Vector<T, L>{};
}

template <class T, int L, std::size_t N>
inline Vector<T, L> polynomial(const T (&terms)[N], Vector<T, L> x) {
    Vector<T, L> sum = all<T, L>(terms[N - 1]);
#pragma GCC unroll 16
    for (int k = static_cast<int>(N) - 2; k >= 0; --k) sum = sum * x + terms[k];
    return sum;
}

template <class T, int L>
inline Vector<T, L> absolute(Vector<T, L> x) {
    return (Vector<T, L>)((Bits<T, L>)x & ~(Bits<T, L>)all<T, L>(T(-0.0)));
}

// exp(x) where its value is a normal number; x = n log(2) + r. Above 0 the power 2^(n - 1) is doubled afterwards, since
// 2^n may be too large.
template <class T, int L, bool Positive = true>
inline Vector<T, L> exp_in_range(Vector<T, L> x) {
    using C = MathConstants<T>;
    constexpr T shift = C::magic + T(C::bias);
    const Vector<T, L> shifted = x * T(1.4426950408889634) + shift;
    const Vector<T, L> n = shifted - shift;
    Vector<T, L> r = x - n * C::ln2_hi;
    r = r - n * C::ln2_lo;
    Vector<T, L> value = (r * r) * polynomial<T, L>(C::exp_terms, r) + r + T(1);
    if constexpr (Positive) {
        const Vector<T, L> two = x > 0 ? all<T, L>(2) : all<T, L>(1);
        const Bits<T, L> exponent = (Bits<T, L>)(shifted - (two - T(1)));
        return value * (Vector<T, L>)(exponent << C::mantissa_bits) * two;
    } else {
        return value * (Vector<T, L>)((Bits<T, L>)shifted << C::mantissa_bits);
    }
}

template <class T, int L>
inline Vector<T, L> exp(Vector<T, L> x) {
    using C = MathConstants<T>;
    const Vector<T, L> value = exp_in_range<T, L>(x);
    const Vector<T, L> not_small = x < C::lowest ? Vector<T, L>{} : value;
    return x > C::highest ? all<T, L>(T(__builtin_inf())) : not_small;
}

// For x <= 0, or NaN.
template <class T, int L>
inline Vector<T, L> exp_of_negative(Vector<T, L> x) {
    const Vector<T, L> value = exp_in_range<T, L, false>(x);
    return x < MathConstants<T>::lowest ? Vector<T, L>{} : value;
}

// k log(2) + log(1 + f) for sqrt(1/2) <= 1 + f <= sqrt(2): with s = f / (2 + f), log(1 + f) = 2 atanh(s) = f - s (f -
// R).
template <class T, int L>
inline Vector<T, L> log_reduced(Vector<T, L> f, Vector<T, L> k) {
    using C = MathConstants<T>;
    const Vector<T, L> s = f / (f + T(2));
    const Vector<T, L> z = s * s;
    const Vector<T, L> R = z * polynomial<T, L>(C::log_terms, z);
    return k * C::ln2_hi + (f - (s * (f - R) - k * C::ln2_lo));
}

// For 0 <= x <= 1, or NaN.
template <class T, int L>
inline Vector<T, L> log1p_of_share(Vector<T, L> x) {
    const Vector<T, L> k = x > T(0.41421356237309503) ? all<T, L>(1) : Vector<T, L>{};
    return log_reduced<T, L>((x - k) * (T(1) - k * T(0.5)), k);
}

// For finite x > -1. What rounding takes from u = 1 + x is added to the reduced argument, which makes that exactly x
// where k = 0.
template <class T, int L>
inline Vector<T, L> log1p_in_range(Vector<T, L> x) {
    using C = MathConstants<T>;
    using U = typename C::Unsigned;
    constexpr U mantissa = (U(1) << C::mantissa_bits) - 1, one = U(C::bias) << C::mantissa_bits;
    constexpr U root = sizeof(T) == 8 ? U(0x3fe6a09e667f3bcd) : U(0x3f3504f3);  // sqrt(1/2)
    const Vector<T, L> u = x + T(1);
    const Vector<T, L> most = u - T(1);
    const Vector<T, L> lost = (T(1) - (u - most)) + (x - most);
    const Bits<T, L> shifted = (Bits<T, L>)u + (one - root);
    const Bits<T, L> exponent = shifted >> C::mantissa_bits;  // k + bias
    // the integer k: as the last bits of a float with a unit there
    constexpr T unit = T(U(1) << C::mantissa_bits);
    const Vector<T, L> k = (Vector<T, L>)(exponent | (Bits<T, L>)all<T, L>(unit)) - (unit + T(C::bias));
    const Vector<T, L> m = (Vector<T, L>)((shifted & mantissa) + root);
    const Vector<T, L> back = (Vector<T, L>)((U(2 * C::bias) - exponent) << C::mantissa_bits);  // 2^-k
    return log_reduced<T, L>((m - T(1)) + lost * back, k);
}

template <class T, int L>
inline Vector<T, L> log1p(Vector<T, L> x) {
    constexpr T infinity = T(__builtin_inf());
    const Vector<T, L> value = x < infinity ? log1p_in_range<T, L>(x) : x;
    return x > -1 ? value : (x == -1 ? all<T, L>(-infinity) : all<T, L>(T(__builtin_nan(""))));
}

template <class T, int L, class Function>
inline void map_vectors(const T* x, Index count, T* out, Function f) {
    Index i = 0;
    for (; i + L <= count; i += L) store<T, L>(out + i, f(load<T, L>(x + i)));
    if (i == count) return;
    T rest[L] = {};
    for (Index l = 0; i + l < count; ++l) rest[l] = x[i + l];
    store<T, L>(rest, f(load<T, L>(rest)));
    for (Index l = 0; i + l < count; ++l) out[i + l] = rest[l];
}

template <class T, int L>
void map_exp(const T* x, Index count, T* out) {
    map_vectors<T, L>(x, count, out, [](Vector<T, L> v) { return exp<T, L>(v); });
}
template <class T, int L>
void map_log1p(const T* x, Index count, T* out) {
    map_vectors<T, L>(x, count, out, [](Vector<T, L> v) { return log1p<T, L>(v); });
}
