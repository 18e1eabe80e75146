// Centring and scaling of columns, applied in the algebra: (X - 1 centre') diag(scale) without touching X.
#pragma once

#include <vector>

#include "mlcraft/core/types.hpp"

namespace mlcraft {

template <class Matrix>
class CentredMatrix {
public:
    using T = typename Matrix::value_type;
    // Either vector may be null: no centring, no scaling.
    CentredMatrix(const Matrix& x, const double* centre, const double* scale) : x_(x), centre_(centre), scale_(scale) {}

    Index rows() const { return x_.rows(); }
    Index cols() const { return x_.cols(); }

    // eta += (X - 1 c') S v
    void times(Index begin, Index count, const double* v, T* eta) const {
        std::vector<T> scaled(cols());
        double offset = 0;
        for (Index j = 0; j < cols(); ++j) {
            const double s = v[j] * scale(j);
            scaled[j] = static_cast<T>(s);
            offset += centre(j) * static_cast<double>(scaled[j]);
        }
        x_.times(begin, count, scaled.data(), eta);
        if (centre_)
            for (Index i = 0; i < count; ++i) eta[i] -= static_cast<T>(offset);
    }

    // g += S (X - 1 c')' r
    void transposed_times(Index begin, Index count, const T* r, double* g) const {
        std::vector<double> part(cols(), 0.0);
        x_.transposed_times(begin, count, r, part.data());
        double total = 0;
        for (Index i = 0; i < count; ++i) total += static_cast<double>(r[i]);
        for (Index j = 0; j < cols(); ++j) g[j] += scale(j) * (part[j] - centre(j) * total);
    }

    // G += S (X - 1 c')' W (X - 1 c') S, upper triangle
    void gram(Index begin, Index count, const T* w, double* G) const {
        const Index p = cols();
        std::vector<double> raw(p * p, 0.0), sums(p, 0.0);
        std::vector<T> ones(count, T(1));
        const T* weight = w ? w : ones.data();
        x_.gram(begin, count, w, raw.data());
        x_.transposed_times(begin, count, weight, sums.data());
        double total = 0;
        for (Index i = 0; i < count; ++i) total += static_cast<double>(weight[i]);
        for (Index a = 0; a < p; ++a)
            for (Index b = a; b < p; ++b)
                G[a * p + b] +=
                    scale(a) * scale(b) *
                    (raw[a * p + b] - centre(a) * sums[b] - sums[a] * centre(b) + total * centre(a) * centre(b));
    }

private:
    double centre(Index j) const { return centre_ ? centre_[j] : 0.0; }
    double scale(Index j) const { return scale_ ? scale_[j] : 1.0; }

    const Matrix& x_;
    const double* centre_;
    const double* scale_;
};

}  // namespace mlcraft
