// Products of many contiguous vectors with one. Included by kernels.cpp inside the namespace of one instruction set.

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

// R vectors at a time: the vector v is read once for all of them.
template <class T, int L, int R>
inline void dots_block(const T* x, Index stride, Index length, const T* v, T* out) {
    Vector<T, L> acc[R];
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) acc[r] = Vector<T, L>{};
    Index k = 0;
    for (; k + L <= length; k += L) {
        const Vector<T, L> vk = load<T, L>(v + k);
#pragma GCC unroll 8
        for (int r = 0; r < R; ++r) acc[r] += load<T, L>(x + r * stride + k) * vk;
    }
    T rest[R];
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) rest[r] = 0;
    for (; k < length; ++k)
#pragma GCC unroll 8
        for (int r = 0; r < R; ++r) rest[r] += x[r * stride + k] * v[k];
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) out[r] += horizontal_sum<T, L>(acc[r]) + rest[r];
}

template <class T, int L>
void dots(const T* x, Index stride, Index count, Index length, const T* v, T* out) {
    Index i = 0;
    for (; i + 8 <= count; i += 8) dots_block<T, L, 8>(x + i * stride, stride, length, v, out + i);
    for (; i < count; ++i) dots_block<T, L, 1>(x + i * stride, stride, length, v, out + i);
}

template <class T, int L, int R>
inline void axpys_block(const T* x, Index stride, Index length, const T* a, T* out) {
    Index k = 0;
    for (; k + L <= length; k += L) {
        Vector<T, L> sum = load<T, L>(out + k);
#pragma GCC unroll 8
        for (int r = 0; r < R; ++r) sum += load<T, L>(x + r * stride + k) * a[r];
        store<T, L>(out + k, sum);
    }
    for (; k < length; ++k) {
        T sum = out[k];
#pragma GCC unroll 8
        for (int r = 0; r < R; ++r) sum += x[r * stride + k] * a[r];
        out[k] = sum;
    }
}

template <class T, int L>
void axpys(const T* x, Index stride, Index count, Index length, const T* a, T* out) {
    Index i = 0;
    for (; i + 8 <= count; i += 8) axpys_block<T, L, 8>(x + i * stride, stride, length, a + i, out);
    for (; i < count; ++i) axpys_block<T, L, 1>(x + i * stride, stride, length, a + i, out);
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
