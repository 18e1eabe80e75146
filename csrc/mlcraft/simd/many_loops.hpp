// Products of many contiguous vectors with many right-hand sides: tiles of sums that stay in registers. Included by
// kernels.cpp inside the namespace of one instruction set.

// out[q * out_stride + r] += x_r . v_q for a tile of R vectors and Q right-hand sides. `rest` holds what is left of the
// right-hand sides, see rest_of. Each product has one order of operations, whatever stands beside it.
template <class T, int L, int R, int Q>
inline void multi_dots_tile(const T* x, Index stride, Index length, const T* v, Index v_stride,
                            const Vector<T, L>* rest, T* out, Index out_stride) {
    constexpr int sums = (R * Q + L - 1) / L * L;
    Vector<T, L> acc[sums];
#pragma GCC unroll 64
    for (int s = 0; s < sums; ++s) acc[s] = Vector<T, L>{};
    Index k = 0;
    for (; k + L <= length; k += L) {
        Vector<T, L> vk[Q];
#pragma GCC unroll 8
        for (int q = 0; q < Q; ++q) vk[q] = load<T, L>(v + q * v_stride + k);
#pragma GCC unroll 8
        for (int r = 0; r < R; ++r) {
            const Vector<T, L> xr = load<T, L>(x + r * stride + k);
#pragma GCC unroll 8
            for (int q = 0; q < Q; ++q) acc[q * R + r] += xr * vk[q];
        }
    }
    if (k < length)
#pragma GCC unroll 8
        for (int r = 0; r < R; ++r) {
            const Vector<T, L> xr = load<T, L>(x + r * stride + length - L);
#pragma GCC unroll 8
            for (int q = 0; q < Q; ++q) acc[q * R + r] += xr * rest[q];
        }
    T totals[sums];
#pragma GCC unroll 64
    for (int s = 0; s < sums; s += L) store<T, L>(totals + s, sum_lanes<T, L>(acc + s));
#pragma GCC unroll 8
    for (int q = 0; q < Q; ++q)
#pragma GCC unroll 8
        for (int r = 0; r < R; ++r) out[q * out_stride + r] += totals[q * R + r];
}

// The same for any number of vectors; the Q right-hand sides stay in cache while the vectors pass by.
template <class T, int L, int R, int Q>
void multi_dots_group(const T* x, Index stride, Index count, Index length, const T* v, Index v_stride, T* out,
                      Index out_stride) {
    Vector<T, L> rest[Q];
    for (int q = 0; q < Q; ++q) rest[q] = rest_of<T, L>(v + q * v_stride, length, length / L * L);
    Index i = 0;
    for (; i + R <= count; i += R)
        multi_dots_tile<T, L, R, Q>(x + i * stride, stride, length, v, v_stride, rest, out + i, out_stride);
    for (; i < count; ++i)
        multi_dots_tile<T, L, 1, Q>(x + i * stride, stride, length, v, v_stride, rest, out + i, out_stride);
}

// Calls group(std::integral_constant<int, size>, first) for nearly equal groups of K right-hand sides, at most Q <= 6.
template <int Q, class Group>
void in_groups(Index K, Group&& group) {
    static_assert(Q >= 3 && Q <= 6);
    const Index groups = (K + Q - 1) / Q;
    for (Index g = 0; g < groups; ++g) {
        const Index q = g * K / groups, many = (g + 1) * K / groups - q;
        if (many == 1) group(std::integral_constant<int, 1>{}, q);
        if (many == 2) group(std::integral_constant<int, 2>{}, q);
        if (many == 3) group(std::integral_constant<int, 3>{}, q);
        if constexpr (Q >= 4)
            if (many == 4) group(std::integral_constant<int, 4>{}, q);
        if constexpr (Q >= 5)
            if (many == 5) group(std::integral_constant<int, 5>{}, q);
        if constexpr (Q >= 6)
            if (many == 6) group(std::integral_constant<int, 6>{}, q);
    }
}

template <class T, int L, int R, int Q>
void multi_dots(const T* x, Index stride, Index count, Index length, const T* v, Index v_stride, Index K, T* out,
                Index out_stride) {
    if constexpr (L > 2)
        if (length < L) return multi_dots<T, L / 2, 4, 3>(x, stride, count, length, v, v_stride, K, out, out_stride);
    if (length < L) {
        for (Index q = 0; q < K; ++q)
            for (Index i = 0; i < count; ++i)
                for (Index k = 0; k < length; ++k) out[q * out_stride + i] += x[i * stride + k] * v[q * v_stride + k];
        return;
    }
    in_groups<Q>(K, [&](auto size, Index q) {
        multi_dots_group<T, L, R, decltype(size)::value>(x, stride, count, length, v + q * v_stride, v_stride,
                                                         out + q * out_stride, out_stride);
    });
}

// Columns [0, N L) of out[q] += sum_i a[q * a_stride + i] x_i for Q right-hand sides. With first > 0 (and N = 1)
// only the lanes from `first` on are changed.
template <class T, int L, int N, int Q>
inline void multi_axpys_tile(const T* x, Index stride, Index count, const T* a, Index a_stride, T* out,
                             Index out_stride, Index first = 0) {
    Vector<T, L> acc[Q][N];
#pragma GCC unroll 16
    for (int q = 0; q < Q; ++q)
#pragma GCC unroll 8
        for (int n = 0; n < N; ++n) acc[q][n] = load<T, L>(out + q * out_stride + n * L);
    for (Index i = 0; i < count; ++i) {
        Vector<T, L> xi[N];
#pragma GCC unroll 8
        for (int n = 0; n < N; ++n) xi[n] = load<T, L>(x + i * stride + n * L);
#pragma GCC unroll 16
        for (int q = 0; q < Q; ++q) {
            const T scale = a[q * a_stride + i];
#pragma GCC unroll 8
            for (int n = 0; n < N; ++n) acc[q][n] += xi[n] * scale;
        }
    }
#pragma GCC unroll 16
    for (int q = 0; q < Q; ++q) {
        if (first == 0) {
#pragma GCC unroll 8
            for (int n = 0; n < N; ++n) store<T, L>(out + q * out_stride + n * L, acc[q][n]);
        } else {
            T sums[L];
            store<T, L>(sums, acc[q][0]);
            for (Index l = first; l < L; ++l) out[q * out_stride + l] = sums[l];
        }
    }
}

template <class T, int L, int N, int Q>
void multi_axpys_group(const T* x, Index stride, Index count, Index length, const T* a, Index a_stride, T* out,
                       Index out_stride) {
    Index k = 0;
    for (; k + N * L <= length; k += N * L)
        multi_axpys_tile<T, L, N, Q>(x + k, stride, count, a, a_stride, out + k, out_stride);
    for (; k + L <= length; k += L)
        multi_axpys_tile<T, L, 1, Q>(x + k, stride, count, a, a_stride, out + k, out_stride);
    if (k < length)  // the last L columns once more; those that have their sum keep it
        multi_axpys_tile<T, L, 1, Q>(x + length - L, stride, count, a, a_stride, out + length - L, out_stride,
                                     k - (length - L));
}

template <class T, int L, int N, int Q>
void multi_axpys(const T* x, Index stride, Index count, Index length, const T* a, Index a_stride, Index K, T* out,
                 Index out_stride) {
    if constexpr (L > 2)
        if (length < L) return multi_axpys<T, L / 2, N, Q>(x, stride, count, length, a, a_stride, K, out, out_stride);
    if (length < L) {
        for (Index q = 0; q < K; ++q)
            for (Index i = 0; i < count; ++i)
                for (Index k = 0; k < length; ++k) out[q * out_stride + k] += x[i * stride + k] * a[q * a_stride + i];
        return;
    }
    in_groups<Q>(K, [&](auto size, Index q) {
        multi_axpys_group<T, L, N, decltype(size)::value>(x, stride, count, length, a + q * a_stride, a_stride,
                                                          out + q * out_stride, out_stride);
    });
}
