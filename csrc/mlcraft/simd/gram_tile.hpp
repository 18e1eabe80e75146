// Register tiles of the weighted Gram matrix. Included by kernels.cpp inside the namespace of one instruction set.
//
// A strip pair (i, j) adds sum_k a[k, i-lanes] b[k, j-lanes]' to the output. MR elements of a row of A are broadcast
// against NV vectors of the same row of B; MR * NV accumulators stay in registers over the whole panel. Within a panel
// the sums have the type of the data; panels are added in double.

template <class T, int L>
struct VectorType {
    typedef T type __attribute__((vector_size(sizeof(T) * L)));
};
template <class T, int L>
using Vector = typename VectorType<T, L>::type;

template <class T, int L>
inline Vector<T, L> load(const T* p) {
    Vector<T, L> v;
    __builtin_memcpy(&v, p, sizeof v);
    return v;
}
template <class T, int L>
inline void store(T* p, Vector<T, L> v) {
    __builtin_memcpy(p, &v, sizeof v);
}

// Memory that the next panel will be packed from: asked for a little at a time while the tiles compute.
struct Prefetch {
    const char* next;
    Index step;  // bytes for each row of a tile
};

template <class T, int L, int MR, int NV>
inline void tile(const T* a, const T* b, Index strip_size, Index depth, double* out, Index ld, Prefetch& prefetch) {
    Vector<T, L> acc[MR][NV];
#pragma GCC unroll 16
    for (int r = 0; r < MR; ++r)
#pragma GCC unroll 8
        for (int v = 0; v < NV; ++v) acc[r][v] = Vector<T, L>{};
    const char* ahead = prefetch.next;
    for (Index k = 0; k < depth; ++k) {
        __builtin_prefetch(ahead);
        ahead += prefetch.step;
        Vector<T, L> bv[NV];
#pragma GCC unroll 8
        for (int v = 0; v < NV; ++v) bv[v] = load<T, L>(b + v * strip_size + k * L);
#pragma GCC unroll 16
        for (int r = 0; r < MR; ++r) {
            const T scalar = a[k * L + r];
#pragma GCC unroll 8
            for (int v = 0; v < NV; ++v) acc[r][v] += bv[v] * scalar;
        }
    }
    prefetch.next = ahead;
    for (int r = 0; r < MR; ++r)
        for (int v = 0; v < NV; ++v)
            for (int l = 0; l < L; ++l) out[r * ld + v * L + l] += static_cast<double>(acc[r][v][l]);
}

template <class T, int L, int MR, int NVMAX>
inline void tiles(const T* a, const T* b, Index strip_size, Index depth, Index count, double* out, Index ld,
                  Prefetch& prefetch) {
    for (int r = 0; r < L; r += MR) {
        const T* ar = a + r;
        double* o = out + r * ld;
        switch (count) {
            case 1: tile<T, L, MR, 1>(ar, b, strip_size, depth, o, ld, prefetch); break;
            case 2: tile<T, L, MR, (NVMAX >= 2 ? 2 : 1)>(ar, b, strip_size, depth, o, ld, prefetch); break;
            case 3: tile<T, L, MR, (NVMAX >= 3 ? 3 : 1)>(ar, b, strip_size, depth, o, ld, prefetch); break;
            case 4: tile<T, L, MR, (NVMAX >= 4 ? 4 : 1)>(ar, b, strip_size, depth, o, ld, prefetch); break;
            case 5: tile<T, L, MR, (NVMAX >= 5 ? 5 : 1)>(ar, b, strip_size, depth, o, ld, prefetch); break;
            case 6: tile<T, L, MR, (NVMAX >= 6 ? 6 : 1)>(ar, b, strip_size, depth, o, ld, prefetch); break;
            default: break;
        }
    }
}

template <class T, int L, int MR, int NVMAX>
void gram_by_rows(const T* a, const T* b, Index depth, Index strips, Index targets, Index begin, Index end, double* out,
                  Index ld, const void* next, Index next_bytes) {
    const Index strip_size = depth * L;
    Index count_of_tiles = 0;
    for (Index i = begin; i < end; ++i)
        count_of_tiles += (L / MR) * (i >= targets ? 2 : (strips - i + NVMAX - 1) / NVMAX);
    Prefetch prefetch{static_cast<const char*>(next), 0};
    if (next_bytes > 0 && depth > 0 && count_of_tiles > 0) prefetch.step = next_bytes / (count_of_tiles * depth) + 1;
    for (Index i = begin; i < end; ++i) {
        const T* ai = a + i * strip_size;
        double* row = out + i * L * ld;
        if (i >= targets) {
            tiles<T, L, MR, NVMAX>(ai, b + i * strip_size, strip_size, depth, 1, row + i * L, ld, prefetch);
            if (i + 1 < strips)
                tiles<T, L, MR, NVMAX>(ai, b + (strips - 1) * strip_size, strip_size, depth, 1, row + (strips - 1) * L,
                                       ld, prefetch);
            continue;
        }
        for (Index j = i; j < strips; j += NVMAX) {
            const Index count = strips - j < NVMAX ? strips - j : NVMAX;
            tiles<T, L, MR, NVMAX>(ai, b + j * strip_size, strip_size, depth, count, row + j * L, ld, prefetch);
        }
    }
}

template <class T, int L, int MR, int NVMAX>
void gram_by_columns(const T* a, const T* b, Index depth, Index strips, Index targets, Index begin, Index end,
                     double* out, Index ld, const void* next, Index next_bytes) {
    const Index strip_size = depth * L;
    const Index count_of_tiles = (L / MR) * (begin + (end - begin) * (end - begin + NVMAX) / (2 * NVMAX) + 1);
    Prefetch prefetch{static_cast<const char*>(next), 0};
    if (next_bytes > 0 && depth > 0) prefetch.step = next_bytes / (count_of_tiles * depth) + 1;
    for (Index i = 0; i < end; ++i) {
        Index from = begin > i ? begin : i;
        if (i >= targets) {  // targets meet themselves and the last strip only
            if (i >= begin)
                tiles<T, L, MR, NVMAX>(a + i * strip_size, b + i * strip_size, strip_size, depth, 1,
                                       out + i * L * ld + i * L, ld, prefetch);
            if (end < strips || i == strips - 1) continue;
            from = strips - 1;
        }
        for (Index j = from; j < end; j += NVMAX) {
            const Index count = end - j < NVMAX ? end - j : NVMAX;
            tiles<T, L, MR, NVMAX>(a + i * strip_size, b + j * strip_size, strip_size, depth, count,
                                   out + i * L * ld + j * L, ld, prefetch);
        }
    }
}

// One strip's share of the panel, columns [j, j + width) of x, any width up to L.
template <class T, int L>
inline void pack_strip(MatrixView<const T> x, Index j, Index width, const T* shift, VectorView<const T> weight,
                       T* strip, T* weighted) {
    const Index rows = x.rows;
    if (width == L) {
        T s[L];
        for (int l = 0; l < L; ++l) s[l] = shift[j + l];
        const T* source = x.data + j * x.col_stride;
        constexpr Index line = 64 / static_cast<Index>(sizeof(T));
        for (Index begin = 0; begin < rows; begin += line) {
            const Index end = begin + line < rows ? begin + line : rows;
            for (int l = 0; l < L; ++l) __builtin_prefetch(source + begin * x.row_stride + (L + l) * x.col_stride);
            for (Index i = begin; i < end; ++i) {
                const T* row = source + i * x.row_stride;
#pragma GCC unroll 16
                for (int l = 0; l < L; ++l) strip[i * L + l] = row[l * x.col_stride] - s[l];
            }
        }
    } else {
        for (Index l = 0; l < width; ++l) {
            const T s = shift[j + l];
            const T* column = x.data + (j + l) * x.col_stride;
            for (Index i = 0; i < rows; ++i) strip[i * L + l] = column[i * x.row_stride] - s;
        }
    }
    if (weighted != nullptr)
        for (Index i = 0; i < rows; ++i)
            for (Index l = 0; l < width; ++l) weighted[i * L + l] = strip[i * L + l] * weight[i];
}

// Whole strips of rows that are contiguous, row by row, so that memory is read in its order.
template <class T, int L, bool Weighted>
inline void pack_rows(MatrixView<const T> x, Index j, Index strips, const T* shift, VectorView<const T> weight,
                      Index strip_size, T* packed, T* weighted) {
    constexpr Index ahead = 4096 / static_cast<Index>(sizeof(T));
    for (Index i = 0; i < x.rows; ++i) {
        const T* source = x.data + i * x.row_stride + j;
        T* out = packed + i * L;
        T* out_weighted = weighted + (Weighted ? i * L : 0);
        for (Index s = 0; s < strips; ++s) {
            if (s * L * static_cast<Index>(sizeof(T)) % 64 == 0) __builtin_prefetch(source + s * L + ahead);
            const Vector<T, L> value = load<T, L>(source + s * L) - load<T, L>(shift + j + s * L);
            store<T, L>(out + s * strip_size, value);
            if constexpr (Weighted) store<T, L>(out_weighted + s * strip_size, value * weight[i]);
        }
    }
}

template <class T, int L>
void pack(MatrixView<const T> x, const T* shift, VectorView<const T> weight, Index first, Index depth, T* packed,
          T* weighted) {
    const Index strip_size = depth * L;
    Index j = 0;
    while (j < x.cols) {
        const Index lane = (first + j) % L, at = (first + j) / L * strip_size + lane;
        T* out_weighted = weighted == nullptr ? nullptr : weighted + at;
        const Index whole = lane == 0 && x.col_stride == 1 ? (x.cols - j) / L : 0;
        if (whole > 0) {
            if (weighted == nullptr)
                pack_rows<T, L, false>(x, j, whole, shift, weight, strip_size, packed + at, nullptr);
            else
                pack_rows<T, L, true>(x, j, whole, shift, weight, strip_size, packed + at, out_weighted);
            j += whole * L;
            continue;
        }
        const Index width = L - lane < x.cols - j ? L - lane : x.cols - j;
        pack_strip<T, L>(x, j, width, shift, weight, packed + at, out_weighted);
        j += width;
    }
}

template <class T, int L, int MR, int NVMAX>
constexpr GramKernel<T> gram_kernel() {
    return {L, pack<T, L>, gram_by_rows<T, L, MR, NVMAX>, gram_by_columns<T, L, MR, NVMAX>, NVMAX};
}
