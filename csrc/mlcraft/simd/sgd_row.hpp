// What stochastic gradient descent does with one row: see solver/sgd.hpp. Included by kernels.cpp inside the namespace
// of one instruction set.

// exp(x) for x <= 700 in the shortest chain of dependent operations: the polynomial of vector_math.hpp by Estrin's
// scheme.
inline double short_exp(double x) {
    using C = MathConstants<double>;
    constexpr double shift = C::magic + C::bias;
    const double (&c)[10] = C::exp_terms;
    const double shifted = x * 1.4426950408889634 + shift;
    const double n = shifted - shift;
    const double r = (x - n * C::ln2_hi) - n * C::ln2_lo;
    const double r2 = r * r, r4 = r2 * r2;
    const double low = (c[0] + c[1] * r) + r2 * (c[2] + c[3] * r);
    const double high = (c[4] + c[5] * r) + r2 * (c[6] + c[7] * r) + r4 * (c[8] + c[9] * r);
    const double value = r2 * (low + r4 * high) + r + 1.0;
    std::uint64_t bits;
    __builtin_memcpy(&bits, &shifted, sizeof bits);
    bits <<= C::mantissa_bits;
    double power;
    __builtin_memcpy(&power, &bits, sizeof power);
    return x < C::lowest ? 0.0 : value * power;
}

// d loss / d p, as in the table of solver/sgd.hpp; within 1e12, so that one row cannot overflow all.
inline double sgd_gradient(const SgdRule& rule, double y, double p) {
    constexpr double most = 1e12;
    double g = 0;
    switch (rule.loss) {
        case SgdLoss::hinge: return y * p <= rule.parameter ? -y : 0.0;
        case SgdLoss::log_loss: {
            if (!(p > -37)) return short_exp(p) - y;
            const double other = short_exp(-p);
            return ((1 - y) - y * other) / (1 + other);
        }
        case SgdLoss::squared_hinge: {
            const double slack = 1 - p * y;
            g = slack > 0 ? -2 * y * slack : 0.0;
            break;
        }
        case SgdLoss::modified_huber: {
            const double z = p * y;
            return z >= 1 ? 0.0 : (z >= -1 ? -2 * y * (1 - z) : -4 * y);
        }
        case SgdLoss::squared_error: g = p - y; break;
        case SgdLoss::huber: {
            const double r = p - y;
            g = r > rule.parameter ? rule.parameter : (r < -rule.parameter ? -rule.parameter : r);
            break;
        }
        case SgdLoss::epsilon_insensitive: return y - p > rule.parameter ? -1.0 : (p - y > rule.parameter ? 1.0 : 0.0);
        case SgdLoss::squared_epsilon_insensitive: {
            const double r = p - y;
            g = r > rule.parameter ? 2 * (r - rule.parameter) : (r < -rule.parameter ? 2 * (r + rule.parameter) : 0.0);
            break;
        }
        case SgdLoss::given: return y;
    }
    return g < -most ? -most : (g > most ? most : g);
}

// The passive-aggressive step (Crammer et al. 2006): the loss over the squared norm of x, bounded or damped by C.
inline double sgd_aggressive_step(const SgdRule& rule, double y, double p, double norm) {
    const bool classes = rule.loss == SgdLoss::hinge;
    const double excess = classes ? rule.parameter - p * y : (y < p ? p - y : y - p) - rule.parameter;
    const double value = excess > 0 ? excess : 0.0;
    double step = value / (rule.aggressive == 1 ? norm : norm + 0.5 / rule.eta0);
    if (rule.aggressive == 1 && !(step < rule.eta0)) step = rule.eta0;
    return classes ? step * y : (y < p ? -step : step);
}

// What the L1 penalty leaves of z: all that was due, u, is taken but for what was taken before, -q (Tsuruoka et al.
// 2009).
template <class V, class T>
inline V sgd_truncated(V z, V q, T u, T inverse) {
    const V zero{};
    V above = z - (q + u) * inverse, below = z + (u - q) * inverse;
    above = above < 0 ? zero : above;
    below = below > 0 ? zero : below;
    return z > 0 ? above : (z < 0 ? below : z);
}

// Rounded before it is added: steps back and forth must lead to zero, where the perceptron decides on empty rows.
inline double sgd_damped(double update, double decay) {
    if (decay == 1) return update;
    volatile double step = update * decay;
    return step;
}

// Asks for all lines of memory of some elements, into the second cache: more requests can wait there than at the first.
// The empty statement is a side effect: without one, GCC drops calls of a function that only prefetches.
template <class T>
inline void sgd_ask(const T* x, Index count) {
    const char *first = reinterpret_cast<const char*>(x), *end = reinterpret_cast<const char*>(x + count);
    for (const char* line = first; line < end; line += 64) __builtin_prefetch(line, 0, 2);
    __builtin_prefetch(end - 1, 0, 2);
    __asm__ volatile("");
}

template <class T>
struct SgdMove {
    T step, average_step, u, inverse, scale;  // inverse: 1 / scale
};
