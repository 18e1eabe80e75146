// Stochastic gradient descent, row after row: see solver/sgd.hpp. Included by kernels.cpp inside the namespace of one
// instruction set.

// Rows of contiguous elements. What a step does to w and the next row's product with it are one pass over w.
template <class T, int L>
class SgdDenseRows {
    using V = Vector<T, L>;

public:
    SgdDenseRows(const SgdRule& rule, SgdModel<T>& model, const SgdBlock& block, const T* const* rows)
        : rule_(rule), m_(model), rows_(rows), last_(block.count - 1), whole_(model.size / L * L) {
        for (int l = 0; l < L; ++l) mask_[l] = l < model.size - whole_ ? ~typename MathConstants<T>::Unsigned(0) : 0;
        squares_[0] = static_cast<T>(model.squared_norm);
        sizes_[0] = static_cast<T>(model.l1_norm);
        next_ = block.count > 0 ? product(m_.w, rows_[0]) : T(0);
    }

    double dot(Index) const { return static_cast<double>(next_); }
    double squared_norm(Index k) const { return static_cast<double>(product(rows_[k], rows_[k])); }
    void prefetch(Index k) const {
        constexpr Index page = 4096 / static_cast<Index>(sizeof(T));  // of longer rows, the machine asks for the rest
        const Index read = whole_ < m_.size ? whole_ + L : whole_;
        sgd_ask(rows_[k], read < page ? read : page);
    }
    void look_up(Index) const {}
    void charge(double squares, double sizes) {
        charged_ += squares_ * static_cast<T>(squares) + sizes_ * static_cast<T>(sizes);
    }
    void pass(Index k) { next_ = k < last_ ? product(m_.w, rows_[k + 1]) : T(0); }
    void update(Index k, const SgdMove<T>& move, bool averaging) {
        if (rule_.l1) return averaging ? walk<true, true>(k, move) : walk<true, false>(k, move);
        if (move.step == 0) return pass(k);
        averaging ? walk<false, true>(k, move) : walk<false, false>(k, move);
    }
    double squares() const { return static_cast<double>(horizontal_sum<T, L>(squares_)); }
    double sizes() const { return static_cast<double>(horizontal_sum<T, L>(sizes_)); }
    double charged() const { return static_cast<double>(horizontal_sum<T, L>(charged_)); }

private:
    V masked(const T* x) const { return (V)((Bits<T, L>)load<T, L>(x) & mask_); }
    static T total(V v) {  // by halves, in registers
        if constexpr (sizeof(V) == 16 && L == 2) {
            return v[0] + v[1];
        } else if constexpr (sizeof(V) == 16) {
            return (v[0] + v[2]) + (v[1] + v[3]);
        } else {
            return SgdDenseRows<T, L / 2>::total(halves<L / 2>(v));
        }
    }
    template <int H>
    static Vector<T, H> halves(V v) {
        return halves_of(v, std::make_integer_sequence<int, H>{});
    }
    template <int... Lane>
    static Vector<T, sizeof...(Lane)> halves_of(V v, std::integer_sequence<int, Lane...>) {
#if defined(__clang__) || __GNUC__ >= 12
        constexpr int half = sizeof...(Lane);
        return __builtin_shufflevector(v, v, Lane...) + __builtin_shufflevector(v, v, (Lane + half)...);
#else
        return Vector<T, sizeof...(Lane)>{v[Lane]...} + Vector<T, sizeof...(Lane)>{v[Lane + int(sizeof...(Lane))]...};
#endif
    }
    template <class, int>
    friend class SgdDenseRows;

    T product(const T* a, const T* b) const {
        V first{}, second{};
        Index j = 0;
        for (; j + 2 * L <= whole_; j += 2 * L) {
            first += load<T, L>(a + j) * load<T, L>(b + j);
            second += load<T, L>(a + j + L) * load<T, L>(b + j + L);
        }
        if (j < whole_) first += load<T, L>(a + j) * load<T, L>(b + j);
        if (whole_ < m_.size) second += masked(a + whole_) * masked(b + whole_);
        return total(first + second);
    }

    struct Sums {
        V dot{}, squares{}, sizes{};
    };
    template <bool L1, bool Average>
    void piece(Index j, V x, V next, const SgdMove<T>& move, Sums& sums) {
        V w = load<T, L>(m_.w + j) + x * move.step;
        if (rule_.objective) {
            sums.squares += w * w;
            if (rule_.l1) sums.sizes += absolute<T, L>(w);
        }
        if constexpr (Average) store<T, L>(m_.average + j, load<T, L>(m_.average + j) + x * move.average_step);
        if constexpr (L1) {
            const V q = load<T, L>(m_.q + j), left = sgd_truncated(w, q, move.u, move.inverse);
            store<T, L>(m_.q + j, q + (left - w) * move.scale);
            w = left;
        }
        store<T, L>(m_.w + j, w);
        sums.dot += w * next;
    }
    template <bool L1, bool Average>
    void walk(Index k, const SgdMove<T>& move) {
        const T *x = rows_[k], *next = rows_[k < last_ ? k + 1 : k];
        Sums first, second;
        Index j = 0;
        for (; j + 2 * L <= whole_; j += 2 * L) {
            piece<L1, Average>(j, load<T, L>(x + j), load<T, L>(next + j), move, first);
            piece<L1, Average>(j + L, load<T, L>(x + j + L), load<T, L>(next + j + L), move, second);
        }
        if (j < whole_) piece<L1, Average>(j, load<T, L>(x + j), load<T, L>(next + j), move, first);
        if (whole_ < m_.size) piece<L1, Average>(whole_, masked(x + whole_), masked(next + whole_), move, second);
        next_ = total(first.dot + second.dot);
        if (move.step != 0 && rule_.objective) {
            squares_ = first.squares + second.squares;
            sizes_ = first.sizes + second.sizes;
        }
    }

    const SgdRule& rule_;
    SgdModel<T>& m_;
    const T* const* rows_;
    Index last_, whole_;
    Bits<T, L> mask_;
    V squares_{}, sizes_{}, charged_{};
    T next_ = 0;
};

// Rows of some elements each. As in scikit-learn, what the objective counts of w after a step is what the step touched.
template <class T, class I>
class SgdSparseRows {
public:
    using Row = SgdSparseRow<T, I>;
    SgdSparseRows(const SgdRule& rule, SgdModel<T>& model, const SgdBlock&, const Row* rows)
        : rule_(rule), m_(model), rows_(rows), squares_(model.squared_norm), sizes_(model.l1_norm) {}

    double dot(Index k) const {
        const Row& row = rows_[k];
        T sums[4] = {};
        Index e = 0;
        for (; e + 4 <= row.count; e += 4)
#pragma GCC unroll 4
            for (int s = 0; s < 4; ++s) sums[s] += row.values[e + s] * m_.w[row.indices[e + s]];
        for (; e < row.count; ++e) sums[0] += row.values[e] * m_.w[row.indices[e]];
        return static_cast<double>((sums[0] + sums[1]) + (sums[2] + sums[3]));
    }
    double squared_norm(Index k) const {
        double sum = 0;
        for (Index e = 0; e < rows_[k].count; ++e)
            sum += static_cast<double>(rows_[k].values[e]) * static_cast<double>(rows_[k].values[e]);
        return sum;
    }
    void prefetch(Index k) const {
        sgd_ask(rows_[k].values, rows_[k].count);
        sgd_ask(rows_[k].indices, rows_[k].count);
    }
    // Where w is larger than the second cache, its elements that the next row needs.
    void look_up(Index k) const {
        constexpr Index cached = (1 << 19) / static_cast<Index>(sizeof(T));
        if (m_.size <= cached) return;
        for (Index e = 0; e < rows_[k].count; ++e) __builtin_prefetch(m_.w + rows_[k].indices[e], 1, 2);
        __asm__ volatile("");
    }
    void charge(double squares, double sizes) { charged_ += squares_ * squares + sizes_ * sizes; }
    void pass(Index) {}
    void update(Index k, const SgdMove<T>& move, bool averaging) {
        const Row& row = rows_[k];
        if (move.step != 0) {
            rule_.objective ? add<true>(row, move.step) : add<false>(row, move.step);
            if (averaging)
                for (Index e = 0; e < row.count; ++e) m_.average[row.indices[e]] += row.values[e] * move.average_step;
        }
        if (!rule_.l1) return;
        for (Index e = 0; e < row.count; ++e) {
            T &w = m_.w[row.indices[e]], &q = m_.q[row.indices[e]];
            using V = Vector<T, 16 / sizeof(T)>;  // in vectors there are no branches, which signs would mislead
            const T left = sgd_truncated(w - V{}, q - V{}, move.u, move.inverse)[0];
            q += (left - w) * move.scale;
            w = left;
        }
    }
    double squares() const { return squares_; }
    double sizes() const { return sizes_; }
    double charged() const { return charged_; }

private:
    template <bool Objective>
    void add(const Row& row, T step) {
        T squares[2] = {}, sizes[2] = {};
        Index e = 0;
        const auto one = [&](Index at, int s) {
            const T w = m_.w[row.indices[at]] + row.values[at] * step;
            m_.w[row.indices[at]] = w;
            if constexpr (Objective) {
                squares[s] += w * w;
                sizes[s] += w < 0 ? -w : w;
            }
        };
        for (; e + 2 <= row.count; e += 2) {
            one(e, 0);
            one(e + 1, 1);
        }
        if (e < row.count) one(e, 0);
        if constexpr (Objective) {
            squares_ = static_cast<double>(squares[0] + squares[1]);
            sizes_ = static_cast<double>(sizes[0] + sizes[1]);
        }
    }

    const SgdRule& rule_;
    SgdModel<T>& m_;
    const Row* rows_;
    double squares_, sizes_, charged_ = 0;
};

// Gives w its scale, and the average what it has been owed (Bottou, Stochastic Gradient Descent Tricks, 2012).
template <class T>
void sgd_rescale(SgdModel<T>& m) {
    if (m.average != nullptr) {
        const T a = static_cast<T>(m.average_a), share = static_cast<T>(1.0 / m.average_b);
        for (Index j = 0; j < m.size; ++j) m.average[j] = (m.average[j] + a * m.w[j]) * share;
        m.average_a = 0;
        m.average_b = 1;
    }
    const T scale = static_cast<T>(m.scale);
    for (Index j = 0; j < m.size; ++j) m.w[j] *= scale;
    m.scale = 1;
}

template <class T, class Rows, class Row>
void sgd_steps(const SgdRule& rule, SgdModel<T>& model, const SgdBlock& block, const Row* some_rows) {
    SgdModel<T> m = model;  // in registers
    Rows rows(rule, m, block, some_rows);
    double square_factor = 1, size_factor = 1, charged = 0;
    for (Index k = 0; k < block.count; ++k) {
        rows.prefetch(k + block.ahead);
        if (k + 1 < block.count) rows.look_up(k + 1);
        const double y = block.y[k], eta = block.eta[k];
        const double p = m.scale * rows.dot(k) + m.intercept;
        block.predicted[k] = p;
        if (rule.objective) {
            rows.charge(rule.square_cost * square_factor, rule.size_cost * size_factor);
            if (rule.one_class) charged += m.intercept * rule.alpha;
        }
        double update;
        if (rule.aggressive == 0) {
            update = -eta * sgd_gradient(rule, y, p);
        } else {
            const double norm = rows.squared_norm(k);
            if (rule.aggressive == 1 && norm == 0) {
                rows.pass(k);
                continue;
            }
            update = sgd_aggressive_step(rule, y, p, norm);
        }
        update *= block.weight[k];
        if (rule.shrinks) {
            const double left = 1 - rule.shrinkage * eta, factor = left > 0 ? left : 0.0;
            m.scale *= factor;
            square_factor *= factor * factor;
            size_factor *= factor;
            if (m.scale < rule.least_scale) sgd_rescale(m);
        }
        const double inverse = 1 / m.scale, step = update * inverse;
        const bool averaging = 0 < rule.average && rule.average <= m.t;
        m.u += rule.l1_rate * eta;
        rows.update(k,
                    {static_cast<T>(step), static_cast<T>(-m.average_a * step), static_cast<T>(m.u),
                     static_cast<T>(inverse), static_cast<T>(m.scale)},
                    averaging);
        if (step != 0) square_factor = m.scale * m.scale, size_factor = m.scale;
        if (rule.fit_intercept)
            m.intercept += sgd_damped(rule.one_class ? update - eta * rule.alpha : update, rule.decay);
        if (averaging) {
            const double steps = m.t - rule.average + 1, share = 1 / steps;
            if (steps > 1) m.average_b /= 1 - share;
            m.average_a += share * m.average_b * m.scale;
            m.average_intercept += (m.intercept - m.average_intercept) * share;
        }
        m.t += 1;
    }
    m.squared_norm = rows.squares() * square_factor;
    m.l1_norm = rows.sizes() * size_factor;
    m.penalty += rows.charged() + charged;
    model = m;
}

template <class T, int L>
constexpr SgdKernels<T> sgd_kernels() {
    return {sgd_steps<T, SgdDenseRows<T, L>, const T*>,
            sgd_steps<T, SgdSparseRows<T, std::int32_t>, SgdSparseRow<T, std::int32_t>>,
            sgd_steps<T, SgdSparseRows<T, std::int64_t>, SgdSparseRow<T, std::int64_t>>, sgd_rescale<T>,
            [](const SgdRule& rule, Index count, const double* y, double* p) {
                for (Index i = 0; i < count; ++i) p[i] = sgd_gradient(rule, y[i], p[i]);
            }};
}
