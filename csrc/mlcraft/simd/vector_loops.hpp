// Products of many contiguous vectors with one. Included by kernels.cpp inside the namespace of one instruction set.

template <int... Indices>
struct Shuffle {
    template <class V>
    static V apply(V a, V b) {
#if defined(__clang__) || __GNUC__ >= 12
        return __builtin_shufflevector(a, b, Indices...);
#else
        typedef std::conditional_t<sizeof(a[0]) == 8, std::int64_t, std::int32_t> Integer;
        typedef Integer Mask __attribute__((vector_size(sizeof(V))));
        return __builtin_shuffle(a, b, Mask{Indices...});
#endif
    }
};

// Two vectors hold partial sums in blocks of B lanes; the sum of each block's halves, a's blocks first.
template <int L, int B, int High, class Sequence>
struct Fold;
template <int L, int B, int High, int... Lane>
struct Fold<L, B, High, std::integer_sequence<int, Lane...>>
    : Shuffle<((Lane / (L / 2)) * L + (Lane % (L / 2)) / (B / 2) * B + (Lane % (L / 2)) % (B / 2) +
               (High ? B / 2 : 0))...> {};

// acc[r] for r < L becomes one vector of their sums, in L - 1 folds.
template <class T, int L, int B = L>
inline Vector<T, L> sum_lanes(Vector<T, L>* acc) {
    if constexpr (B == 1) {
        return acc[0];
    } else {
        using Sequence = std::make_integer_sequence<int, L>;
#pragma GCC unroll 16
        for (int r = 0; r < B / 2; ++r)
            acc[r] = Fold<L, B, 0, Sequence>::apply(acc[2 * r], acc[2 * r + 1]) +
                     Fold<L, B, 1, Sequence>::apply(acc[2 * r], acc[2 * r + 1]);
        return sum_lanes<T, L, B / 2>(acc);
    }
}

template <class T, int L>
inline T horizontal_sum(Vector<T, L> v) {
    T parts[L];
    store<T, L>(parts, v);
#pragma GCC unroll 8
    for (int width = L / 2; width > 0; width /= 2)
#pragma GCC unroll 16
        for (int l = 0; l < width; ++l) parts[l] += parts[l + width];
    return parts[0];
}

// The last L elements, with zeros where the whole vectors before have been.
template <class T, int L>
inline Vector<T, L> rest_of(const T* v, Index length, Index whole) {
    T parts[L];
    for (int l = 0; l < L; ++l) parts[l] = length - L + l < whole ? T(0) : v[length - L + l];
    return load<T, L>(parts);
}

// Half of the next block of rows, for which memory is asked while rows [i, i + rows) of this one are worked on. A sweep
// goes over each block twice, so each time asks for half: memory is never idle, and nothing waits for it.
struct NextBlock {
    const char* half;  // null: nothing is asked for
    Index row_bytes;   // of half the rows

    void ask(Index i, Index rows) const {
        if (half == nullptr) return;
        for (Index byte = i * row_bytes; byte < (i + rows) * row_bytes; byte += 64)
            __builtin_prefetch(half + byte, 0, 2);
    }
};

// L vectors at a time, length >= L. The remainder is read as the last L elements, times zero where read before. With
// Lines > 0, as many lines of memory from `ahead` on are asked for in every step.
template <class T, int L, int Lines>
inline void dots_block(const T* x, Index stride, Index length, const T* v, Vector<T, L> rest, T* out,
                       const char* ahead) {
    Vector<T, L> acc[L];  // from zero: a sum of two bare products could be fused either way
#pragma GCC unroll 16
    for (int r = 0; r < L; ++r) acc[r] = Vector<T, L>{};
    Index k = 0;
    for (; k + L <= length; k += L) {
        const Vector<T, L> vk = load<T, L>(v + k);
#pragma GCC unroll 16
        for (int line = 0; line < Lines; ++line) __builtin_prefetch(ahead + line * 64, 0, 2);
        ahead += Lines * 64;
#pragma GCC unroll 16
        for (int r = 0; r < L; ++r) acc[r] += load<T, L>(x + r * stride + k) * vk;
    }
    if (k < length)
#pragma GCC unroll 16
        for (int r = 0; r < L; ++r) acc[r] += load<T, L>(x + r * stride + length - L) * rest;
    store<T, L>(out, load<T, L>(out) + sum_lanes<T, L>(acc));
}

// The same for short vectors, N pieces each: memory is read in its order, which is what its prefetcher understands.
template <class T, int L, int N>
inline void dots_narrow(const T* x, Index stride, Index length, const Vector<T, L>* v, T* out) {
    Vector<T, L> acc[L];
#pragma GCC unroll 16
    for (int r = 0; r < L; ++r) {
        const T* row = x + r * stride;
        acc[r] = Vector<T, L>{};
#pragma GCC unroll 8
        for (int k = 0; k < N; ++k) {
            const T* at = row + (k < N - 1 ? k * L : length - L);
            acc[r] += load<T, L>(at) * v[k];
        }
    }
    store<T, L>(out, load<T, L>(out) + sum_lanes<T, L>(acc));
}

// One vector, in the same order of operations: a product does not depend on the vectors beside it.
template <class T, int L>
inline T dot(const T* x, Index length, const T* v, Vector<T, L> rest) {
    Vector<T, L> acc{};
    Index k = 0;
    for (; k + L <= length; k += L) acc += load<T, L>(x + k) * load<T, L>(v + k);
    if (k < length) acc += load<T, L>(x + length - L) * rest;
    return horizontal_sum<T, L>(acc);
}

template <class T, int L>
void dots_then_next(const T* x, Index stride, Index count, Index length, const T* v, T* out, NextBlock next) {
    if constexpr (L > 2)
        if (length < L) return dots_then_next<T, L / 2>(x, stride, count, length, v, out, next);
    if (length < L) {
        for (Index i = 0; i < count; ++i)
            for (Index k = 0; k < length; ++k) out[i] += x[i * stride + k] * v[k];
        return;
    }
    const Vector<T, L> rest = rest_of<T, L>(v, length, length / L * L);
    Index i = 0;
    const Index pieces = (length + L - 1) / L;
    if (pieces <= 4) {
        Vector<T, L> kept[4];
        for (Index k = 0; k < length / L; ++k) kept[k] = load<T, L>(v + k * L);
        if (length % L != 0) kept[pieces - 1] = rest;
        for (; i + L <= count; i += L) {
            const T* first = x + i * stride;
            next.ask(i, L);
            switch (pieces) {
                case 1: dots_narrow<T, L, 1>(first, stride, length, kept, out + i); break;
                case 2: dots_narrow<T, L, 2>(first, stride, length, kept, out + i); break;
                case 3: dots_narrow<T, L, 3>(first, stride, length, kept, out + i); break;
                default: dots_narrow<T, L, 4>(first, stride, length, kept, out + i); break;
            }
        }
    }
    constexpr int lines = L * L * static_cast<int>(sizeof(T)) / 128;  // half of what a step reads
    for (; i + L <= count; i += L) {
        const T* first = x + i * stride;
        if (next.half == nullptr || lines == 0) {
            next.ask(i, L);
            dots_block<T, L, 0>(first, stride, length, v, rest, out + i, nullptr);
        } else {
            dots_block<T, L, lines>(first, stride, length, v, rest, out + i, next.half + i * next.row_bytes);
        }
    }
    for (; i < count; ++i) out[i] += dot<T, L>(x + i * stride, length, v, rest);
}

template <class T, int L>
void dots(const T* x, Index stride, Index count, Index length, const T* v, T* out) {
    dots_then_next<T, L>(x, stride, count, length, v, out, NextBlock{nullptr, 0});
}

// The same over a block of contiguous rows in a sweep: the first half of the next block is asked for.
template <class T, int L>
void block_dots(const T* x, Index count, Index length, const T* v, T* out) {
    const Index bytes = length * static_cast<Index>(sizeof(T));
    dots_then_next<T, L>(x, length, count, length, v, out,
                         NextBlock{reinterpret_cast<const char*>(x) + count * bytes, bytes / 2});
}

template <class T, int L, int R, bool Ask>
inline void axpys_block(const T* x, Index stride, Index ahead, Index length, const T* a, Vector<T, L> rest, T* out) {
    Index k = 0;
    for (; k + L <= length; k += L) {
        Vector<T, L> sum = load<T, L>(out + k);
#pragma GCC unroll 16
        for (int r = 0; r < R; ++r) {
            if constexpr (Ask) __builtin_prefetch(x + r * stride + k + ahead, 0, 2);
            sum += load<T, L>(x + r * stride + k) * a[r];
        }
        store<T, L>(out + k, sum);
    }
    if (k < length) {  // the last L elements once more; those that have their sum keep it
        const Vector<T, L> before = load<T, L>(out + length - L);
        Vector<T, L> sum = before;
#pragma GCC unroll 16
        for (int r = 0; r < R; ++r) sum += load<T, L>(x + r * stride + length - L) * a[r];
        store<T, L>(out + length - L, rest != Vector<T, L>{} ? sum : before);
    }
}

// Asks for the memory that lies `ahead` of what it reads, if Ask.
template <class T, int L, bool Ask>
void axpys_asking(const T* x, Index stride, Index ahead, Index count, Index length, const T* a, T* out) {
    if constexpr (L > 2)
        if (length < L) return axpys_asking<T, L / 2, Ask>(x, stride, ahead, count, length, a, out);
    Index i = 0;
    if (length >= L) {
        T ones[L];
        for (int l = 0; l < L; ++l) ones[l] = length - L + l < length / L * L ? T(0) : T(1);
        const Vector<T, L> rest = load<T, L>(ones);
        for (; i + 8 <= count; i += 8)
            axpys_block<T, L, 8, Ask>(x + i * stride, stride, ahead, length, a + i, rest, out);
        for (; i < count; ++i) axpys_block<T, L, 1, Ask>(x + i * stride, stride, ahead, length, a + i, rest, out);
        return;
    }
    for (; i < count; ++i)
        for (Index k = 0; k < length; ++k) out[k] += x[i * stride + k] * a[i];
}

template <class T, int L>
void axpys(const T* x, Index stride, Index count, Index length, const T* a, T* out) {
    axpys_asking<T, L, false>(x, stride, 0, count, length, a, out);
}

template <class T, int L>
void block_axpys(const T* x, Index stride, Index count, Index length, const T* a, T* out) {
    axpys_asking<T, L, true>(x, stride, length, count, length, a, out);
}

// N vectors a row, the last of them overlapping; U rows at a time have sums of their own, so that additions overlap.
template <class T, int L, int N, int U>
void block_sum_narrow(const T* x, Index count, Index length, const T* a, T* out, NextBlock next) {
    const Index last = length - L;
    Vector<T, L> acc[U][N];
    for (auto& row : acc)
        for (auto& sum : row) sum = Vector<T, L>{};
    const auto add = [&](const T* row, T scale, Vector<T, L>* sums) {
#pragma GCC unroll 8
        for (int v = 0; v < N; ++v) sums[v] += load<T, L>(row + (v < N - 1 ? v * L : last)) * scale;
    };
    Index i = 0;
    for (; i + 8 <= count; i += 8) {
        next.ask(i, 8);
#pragma GCC unroll 8
        for (int u = 0; u < 8; ++u) add(x + (i + u) * length, a[i + u], acc[u % U]);
    }
    for (; i < count; ++i) add(x + i * length, a[i], acc[0]);
    for (int v = 0; v < N; ++v) {
        T sums[L];
        for (int u = 1; u < U; ++u) acc[0][v] += acc[u][v];
        store<T, L>(sums, acc[0][v]);
        const Index at = v < N - 1 ? v * L : last;
        for (Index l = v * L - at; l < L; ++l) out[at + l] += sums[l];  // the last without its overlap
    }
}

// out += sum_i a[i] x_i over a block of contiguous rows in a sweep: the second half of the next block is asked for.
template <class T, int L>
void block_sum(const T* x, Index count, Index length, const T* a, T* out) {
    if constexpr (L > 2)
        if (length < L) return block_sum<T, L / 2>(x, count, length, a, out);
    if (length < L) return axpys<T, L>(x, length, count, length, a, out);
    const Index bytes = length * static_cast<Index>(sizeof(T));
    const NextBlock next{reinterpret_cast<const char*>(x) + count * bytes + count * (bytes / 2), bytes / 2};
    switch ((length + L - 1) / L) {
        case 1: return block_sum_narrow<T, L, 1, 4>(x, count, length, a, out, next);
        case 2: return block_sum_narrow<T, L, 2, 4>(x, count, length, a, out, next);
        case 3: return block_sum_narrow<T, L, 3, 2>(x, count, length, a, out, next);
        case 4: return block_sum_narrow<T, L, 4, 2>(x, count, length, a, out, next);
        case 5: return block_sum_narrow<T, L, 5, 1>(x, count, length, a, out, next);
        case 6: return block_sum_narrow<T, L, 6, 1>(x, count, length, a, out, next);
        case 7: return block_sum_narrow<T, L, 7, 1>(x, count, length, a, out, next);
        case 8: return block_sum_narrow<T, L, 8, 1>(x, count, length, a, out, next);
        default: return axpys_asking<T, L, true>(x, length, count * length, count, length, a, out);
    }
}

template <class T, int L>
void rank_one(const T* v, Index length, const T* a, Index count, T* y, Index stride) {
    for (Index i = 0; i < count; ++i) {
        T* out = y + i * stride;
        Index k = 0;
        for (; k + L <= length; k += L) store<T, L>(out + k, load<T, L>(out + k) + load<T, L>(v + k) * a[i]);
        for (; k < length; ++k) out[k] += v[k] * a[i];
    }
}

template <class T, int L>
double sum(const T* x, Index size) {
    Vector<T, L> acc[8];
    for (auto& a : acc) a = Vector<T, L>{};
    Index k = 0;
    for (; k + 8 * L <= size; k += 8 * L)
#pragma GCC unroll 8
        for (int r = 0; r < 8; ++r) acc[r] += load<T, L>(x + k + r * L);
    double total = 0;
    for (auto& a : acc) total += static_cast<double>(horizontal_sum<T, L>(a));
    for (; k < size; ++k) total += static_cast<double>(x[k]);
    return total;
}
