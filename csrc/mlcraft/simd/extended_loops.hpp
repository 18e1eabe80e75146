// Sums of products in twice the working precision (double-double). Included by kernels.cpp inside the namespace of one
// instruction set. Dot2 of Ogita, Rump and Oishi (2005) with inputs that carry a low part; error-free transforms by
// Knuth's two-sum and a fused multiply-add. 64 rows are independent lanes, so the compiler vectorises the loops.
//
// two_sum has no product in it, so contraction into fused operations (-ffp-contract) cannot break it; the product's
// error is an explicit fma.

// sum += value with the rounding error collected in `error`
inline void add_exactly(double value, double& sum, double& error) {
    const double total = sum + value;
    const double part = total - sum;
    error += (sum - (total - part)) + (value - part);
    sum = total;
}

void extended_centre(const double* x, double mean, double* hi, double* lo) {  // hi may be x
    for (Index i = 0; i < extended_block; ++i) {
        const double value = x[i];
        const double difference = value - mean;
        const double part = difference - value;
        hi[i] = difference;
        lo[i] = (value - (difference - part)) - (mean + part);
    }
}

void extended_residual(const double* __restrict a_hi, const double* __restrict a_lo, Index cols,
                       const double* __restrict b_hi, const double* __restrict b_lo, double* __restrict r_hi,
                       double* __restrict r_lo) {
    for (Index j = 0; j < cols; ++j) {
        const double bh = b_hi[j], bl = b_lo[j];
        const double* __restrict ah = a_hi + j * extended_block;
        const double* __restrict al = a_lo + j * extended_block;
        for (Index i = 0; i < extended_block; ++i) {
            const double product = ah[i] * bh;
            double error = __builtin_fma(ah[i], bh, -product);
            error = __builtin_fma(ah[i], bl, __builtin_fma(al[i], bh, error));
            double sum = r_hi[i], low = r_lo[i] - error;
            add_exactly(-product, sum, low);
            r_hi[i] = sum;
            r_lo[i] = low;
        }
    }
    for (Index i = 0; i < extended_block; ++i) {
        const double sum = r_hi[i] + r_lo[i];
        r_lo[i] -= sum - r_hi[i];
        r_hi[i] = sum;
    }
}

void extended_gradient(const double* __restrict a_hi, const double* __restrict a_lo, Index cols,
                       const double* __restrict r_hi, const double* __restrict r_lo, double* __restrict g_hi,
                       double* __restrict g_lo) {
    constexpr Index lanes = 8;
    for (Index j = 0; j < cols; ++j) {
        const double* __restrict ah = a_hi + j * extended_block;
        const double* __restrict al = a_lo + j * extended_block;
        double sum[lanes] = {}, low[lanes] = {};
        for (Index i = 0; i < extended_block; i += lanes)
            for (Index l = 0; l < lanes; ++l) {
                const double product = ah[i + l] * r_hi[i + l];
                double error = __builtin_fma(ah[i + l], r_hi[i + l], -product);
                error = __builtin_fma(ah[i + l], r_lo[i + l], __builtin_fma(al[i + l], r_hi[i + l], error));
                low[l] += error;
                add_exactly(product, sum[l], low[l]);
            }
        double total = g_hi[j], rest = g_lo[j];
        for (Index l = 0; l < lanes; ++l) {
            rest += low[l];
            add_exactly(sum[l], total, rest);
        }
        g_hi[j] = total;
        g_lo[j] = rest;
    }
}
