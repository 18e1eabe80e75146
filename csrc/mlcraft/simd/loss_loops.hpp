// The losses of loss/ on vectors of rows, without branches: the same formulas as their scalar definitions there.
// Included by kernels.cpp inside the namespace of one instruction set.

// Comparisons are written so that NaN passes through.
template <class T, int L>
inline Vector<T, L> positive_part(Vector<T, L> x) {
    return x < 0 ? Vector<T, L>{} : x;
}

template <class T, int L>
struct OfRows {
    Vector<T, L> value, gradient, hessian;
};

template <class T, int L>
struct SquaredRows {
    static OfRows<T, L> at(Vector<T, L> y, Vector<T, L> eta, T) {
        const Vector<T, L> r = eta - y;
        return {r * r * T(0.5), r, all<T, L>(1)};
    }
};

// With s = exp(-|eta|), mu is 1 / (1 + s) or s / (1 + s) by the sign of eta. mu - y is written as a difference from
// that of the limit, so that it keeps its digits where mu tends to y = 0 or 1.
template <class T, int L>
struct LogisticRows {
    static OfRows<T, L> at(Vector<T, L> y, Vector<T, L> eta, T) {
        const Vector<T, L> small = exp_of_negative<T, L>(-absolute<T, L>(eta));
        const Vector<T, L> share = T(1) / (small + T(1));
        const Vector<T, L> other = small * share;
        return {positive_part<T, L>(eta) - y * eta + log1p_of_share<T, L>(small),
                eta < 0 ? other - y : (T(1) - y) - other, other * share};
    }
};

template <class T, int L>
struct SquaredHingeRows {
    static OfRows<T, L> at(Vector<T, L> y, Vector<T, L> eta, T) {
        const Vector<T, L> margin = T(1) - y * eta;
        const Vector<T, L> slack = positive_part<T, L>(margin);
        return {slack * slack, T(-2) * y * slack, margin > 0 ? all<T, L>(2) : Vector<T, L>{}};
    }
};

template <class T, int L>
struct SquaredEpsilonInsensitiveRows {
    static OfRows<T, L> at(Vector<T, L> y, Vector<T, L> eta, T epsilon) {
        const Vector<T, L> r = eta - y;
        const Vector<T, L> beyond = absolute<T, L>(r) - epsilon;
        const Vector<T, L> slack = positive_part<T, L>(beyond);
        return {slack * slack, T(2) * (r < 0 ? -slack : slack), beyond > 0 ? all<T, L>(2) : Vector<T, L>{}};
    }
};

// A value that does not depend on how large x is, but on whether x is a number.
template <class T, int L>
inline Vector<T, L> unless_nan(Vector<T, L> x, Vector<T, L> value) {
    return x == x ? value : x;
}

template <class T, int L>
struct HingeRows {
    static OfRows<T, L> at(Vector<T, L> y, Vector<T, L> eta, T) {
        const Vector<T, L> margin = T(1) - y * eta;
        return {positive_part<T, L>(margin), unless_nan<T, L>(margin, margin > 0 ? -y : Vector<T, L>{}),
                Vector<T, L>{}};
    }
};

// The slack beyond 2 counts only once.
template <class T, int L>
struct ModifiedHuberRows {
    static OfRows<T, L> at(Vector<T, L> y, Vector<T, L> eta, T) {
        const Vector<T, L> margin = T(1) - y * eta;
        const Vector<T, L> slack = positive_part<T, L>(margin);
        const Vector<T, L> cut = slack > 2 ? all<T, L>(2) : slack;
        const Vector<T, L> inside = margin > 0 ? all<T, L>(2) : Vector<T, L>{};
        return {cut * (slack + (slack - cut)), T(-2) * y * cut, margin > 2 ? Vector<T, L>{} : inside};
    }
};

template <class T, int L>
struct HuberRows {
    static OfRows<T, L> at(Vector<T, L> y, Vector<T, L> eta, T delta) {
        const Vector<T, L> u = eta - y;
        const Vector<T, L> not_above = u > delta ? all<T, L>(delta) : u;
        const Vector<T, L> cut = u < -delta ? all<T, L>(-delta) : not_above;
        return {cut * (u - T(0.5) * cut), cut, cut == u ? all<T, L>(1) : Vector<T, L>{}};
    }
};

template <class T, int L>
struct EpsilonInsensitiveRows {
    static OfRows<T, L> at(Vector<T, L> y, Vector<T, L> eta, T epsilon) {
        const Vector<T, L> r = eta - y;
        const Vector<T, L> beyond = absolute<T, L>(r) - epsilon;
        const Vector<T, L> sign = r < 0 ? all<T, L>(-1) : all<T, L>(1);
        return {positive_part<T, L>(beyond), unless_nan<T, L>(r, beyond > 0 ? sign : Vector<T, L>{}), Vector<T, L>{}};
    }
};

template <class T, int L>
struct QuantileRows {
    static OfRows<T, L> at(Vector<T, L> y, Vector<T, L> eta, T q) {
        const Vector<T, L> r = eta - y;
        const Vector<T, L> not_below = r > 0 ? all<T, L>(1 - q) : r;
        const Vector<T, L> slope = r < 0 ? all<T, L>(-q) : not_below;
        return {slope * r, slope, Vector<T, L>{}};
    }
};

template <class T, int L>
struct PoissonRows {
    static OfRows<T, L> at(Vector<T, L> y, Vector<T, L> eta, T) {
        const Vector<T, L> mu = exp<T, L>(eta);
        return {mu - y * eta, mu - y, mu};
    }
};

// Sums over a block in the type of the data, lane by lane.
template <class T, int L>
struct RowSums {
    Vector<T, L> value{}, gradient{}, weight{};
};

template <class T, int L, template <class, int> class Loss, bool Weighted, bool Curved>
inline void loss_step(const T* y, const T* weight, T parameter, T* eta, T* hess, RowSums<T, L>& sums) {
    OfRows<T, L> row = Loss<T, L>::at(load<T, L>(y), load<T, L>(eta), parameter);
    if constexpr (Weighted) {
        const Vector<T, L> w = load<T, L>(weight);
        row = {w * row.value, w * row.gradient, w * row.hessian};
        sums.weight += w;
    }
    store<T, L>(eta, row.gradient);
    if constexpr (Curved) store<T, L>(hess, row.hessian);
    sums.value += row.value;
    sums.gradient += row.gradient;
}

template <class T, int L, template <class, int> class Loss, bool Weighted, bool Curved>
LossSums loss_loop(const T* y, const T* weight, Index count, T parameter, T* eta, T* hess) {
    RowSums<T, L> sums;
    const Index whole = count / L * L;
    for (Index i = 0; i < whole; i += L)
        loss_step<T, L, Loss, Weighted, Curved>(y + i, Weighted ? weight + i : nullptr, parameter, eta + i,
                                                Curved ? hess + i : nullptr, sums);
    T total = Weighted ? T(0) : T(whole);
    if (whole < count) {  // the rest beside rows of weight zero
        T some_y[L] = {}, some_weight[L] = {}, some_eta[L] = {}, some_hess[L] = {};
        const Index rest = count - whole;
        for (Index l = 0; l < rest; ++l) {
            some_y[l] = y[whole + l];
            some_weight[l] = Weighted ? weight[whole + l] : T(1);
            some_eta[l] = eta[whole + l];
        }
        loss_step<T, L, Loss, true, true>(some_y, some_weight, parameter, some_eta, some_hess, sums);
        for (Index l = 0; l < rest; ++l) {
            eta[whole + l] = some_eta[l];
            if constexpr (Curved) hess[whole + l] = some_hess[l];
        }
    }
    total += horizontal_sum<T, L>(sums.weight);
    return {static_cast<double>(horizontal_sum<T, L>(sums.value)),
            static_cast<double>(horizontal_sum<T, L>(sums.gradient)), static_cast<double>(total)};
}

template <class T, int L, template <class, int> class Loss>
LossSums loss_rows(const T* y, const T* weight, Index count, T parameter, T* eta, T* hess) {
    if (weight == nullptr)
        return hess == nullptr ? loss_loop<T, L, Loss, false, false>(y, weight, count, parameter, eta, hess)
                               : loss_loop<T, L, Loss, false, true>(y, weight, count, parameter, eta, hess);
    return hess == nullptr ? loss_loop<T, L, Loss, true, false>(y, weight, count, parameter, eta, hess)
                           : loss_loop<T, L, Loss, true, true>(y, weight, count, parameter, eta, hess);
}

// The multinomial loss of up to L rows, all classes: see loss/multinomial.hpp. With fewer than L rows the other lanes
// are rows of weight zero.
template <class T, int L, bool Whole>
struct SomeRows {
    Index count;
    Vector<T, L> read(const T* x) const {
        if constexpr (Whole) return load<T, L>(x);
        T some[L] = {};
        for (Index l = 0; l < count; ++l) some[l] = x[l];
        return load<T, L>(some);
    }
    Vector<T, L> ones() const {
        if constexpr (Whole) return all<T, L>(1);
        T some[L];
        for (Index l = 0; l < L; ++l) some[l] = l < count ? T(1) : T(0);
        return load<T, L>(some);
    }
    void write(T* x, Vector<T, L> v) const {
        if constexpr (Whole) return store<T, L>(x, v);
        T some[L];
        store<T, L>(some, v);
        for (Index l = 0; l < count; ++l) x[l] = some[l];
    }
};

// The classes with the largest eta have exp(eta - largest) = 1; they are counted, and the others summed, so that
// neither the value nor the gradient of a well classified row loses its digits.
template <class T, int L, bool Whole>
inline void multinomial_step(SomeRows<T, L, Whole> rows, const T* y, const T* weight, Index classes, T* eta, T* share,
                             Index ld, RowSums<T, L>& sums) {
    const Vector<T, L> label = rows.read(y);
    Vector<T, L> largest = rows.read(eta), chosen{};
    for (Index k = 0; k < classes; ++k) {
        const Vector<T, L> e = rows.read(eta + k * ld);
        largest = largest < e ? e : largest;
        chosen = label == static_cast<T>(k) ? e : chosen;
    }
    Vector<T, L> others{}, largest_count{};
    for (Index k = 0; k < classes; ++k) {
        const Vector<T, L> e = rows.read(eta + k * ld);
        const Vector<T, L> power = exp_of_negative<T, L>(e - largest);
        rows.write(eta + k * ld, power);
        largest_count += e == largest ? all<T, L>(1) : Vector<T, L>{};
        others += e == largest ? Vector<T, L>{} : power;
    }
    const Vector<T, L> beyond = others + (largest_count - T(1));  // the sum of all powers, less 1
    const Vector<T, L> inverse = T(1) / (beyond + T(1));
    const Vector<T, L> w = weight != nullptr ? rows.read(weight) : rows.ones();
    sums.value += w * ((largest - chosen) + log1p_in_range<T, L>(beyond));
    sums.weight += w;
    for (Index k = 0; k < classes; ++k) {
        const Vector<T, L> p = rows.read(eta + k * ld) * inverse;
        const Vector<T, L> missing = chosen == largest ? beyond * inverse : T(1) - p;  // 1 - p of the right class
        if (share != nullptr) rows.write(share + k * ld, p);
        rows.write(eta + k * ld, w * (label == static_cast<T>(k) ? -missing : p));
    }
}

template <class T, int L>
LossSums multinomial_rows(const T* y, const T* weight, Index count, Index classes, T* eta, T* share, Index ld) {
    RowSums<T, L> sums;
    const auto step = [&](auto rows, Index i) {
        multinomial_step(rows, y + i, weight == nullptr ? nullptr : weight + i, classes, eta + i,
                         share == nullptr ? nullptr : share + i, ld, sums);
    };
    Index i = 0;
    for (; i + L <= count; i += L) step(SomeRows<T, L, true>{L}, i);
    if (i < count) step(SomeRows<T, L, false>{count - i}, i);
    return {static_cast<double>(horizontal_sum<T, L>(sums.value)), 0,
            static_cast<double>(horizontal_sum<T, L>(sums.weight))};
}
