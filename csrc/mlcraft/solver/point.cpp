#include "mlcraft/solver/point.hpp"

#include <algorithm>
#include <cstdint>

#include "mlcraft/matrix/csr.hpp"
#include "mlcraft/matrix/dense.hpp"
#include "mlcraft/moments/moments.hpp"
#include "mlcraft/moments/sparse.hpp"
#include "mlcraft/solver/class_pass.hpp"
#include "mlcraft/solver/smooth_pass.hpp"

namespace mlcraft {
namespace {

template <class Matrix>
SmoothRows<Matrix> scalar_rows(const Matrix& x, const PointRows<typename Matrix::value_type>& rows,
                               const PointLoss& loss) {
    using T = typename Matrix::value_type;
    return {x,
            rows.y,
            rows.weight,
            rows.offset,
            find_loss<T>(loss.loss.c_str()),
            static_cast<T>(loss.parameter),
            false,
            user_loss_at<T>(loss.user_loss, loss.user_hess)};
}

// The classes' gradient, and their probabilities (classes x rows) where they are asked for.
template <class Matrix>
PointValue class_value(const Matrix& x, const PointRows<typename Matrix::value_type>& rows, Index classes,
                       const std::vector<double>& point, typename Matrix::value_type* probability, int threads) {
    const Index p = x.cols();
    std::vector<double> coef, intercept;
    for (Index k = 0; k < classes; ++k) {
        const double* of_class = point.data() + k * (p + 1);
        coef.insert(coef.end(), of_class, of_class + p);
        intercept.push_back(of_class[p]);
    }
    PointValue found;
    const ClassRows<Matrix> all{x, rows.y, rows.weight, classes};
    found.value = class_pass(all, coef, intercept, probability, found.gradient, found.weight_sum, threads);
    return found;
}

// (X, 1)' diag(weight) (X, 1), row-major.
template <class Matrix>
std::vector<double> bordered_gram(const Matrix& x, VectorView<const typename Matrix::value_type> weight, int threads) {
    using T = typename Matrix::value_type;
    const Index n = x.rows(), p = x.cols();
    const MatrixView<const T> none{nullptr, n, 0, 0, 1};
    const std::vector<double> sums = sum_over_rows(n, std::min<Index>(x.block_rows(), max_block_rows), pass_lanes(x),
                                                   p + 1, threads, [&](Index begin, Index count, double* out) {
                                                       T w[max_block_rows];
                                                       for (Index i = 0; i < count; ++i) {
                                                           w[i] = weight ? weight[begin + i] : T(1);
                                                           out[p] += static_cast<double>(w[i]);
                                                       }
                                                       x.transposed_times(begin, count, w, out);
                                                   });
    Moments m;
    if constexpr (requires { x.stored(); })
        m = sparse_moments(x, none, weight, false, threads);
    else
        m = dense_moments<T>(x.view(), none, weight, false, threads);
    std::vector<double> gram(static_cast<std::size_t>((p + 1) * (p + 1)));
    for (Index i = 0; i < p; ++i) {
        std::copy_n(m.xx.data() + i * p, p, gram.data() + i * (p + 1));
        gram[i * (p + 1) + p] = gram[p * (p + 1) + i] = sums[i];
    }
    gram.back() = sums[p];
    return gram;
}

}  // namespace

template <class Matrix>
PointValue value_and_gradient(const Matrix& x, const PointRows<typename Matrix::value_type>& rows,
                              const PointLoss& loss, const std::vector<double>& point, int threads) {
    using T = typename Matrix::value_type;
    if (loss.classes > 1) return class_value(x, rows, loss.classes, point, static_cast<T*>(nullptr), threads);
    PassSums pass =
        smooth_pass(scalar_rows(x, rows, loss), point.data(), point.back(), static_cast<T*>(nullptr), threads);
    pass.gradient.push_back(pass.intercept_gradient);
    return {pass.value, pass.weight_sum, std::move(pass.gradient)};
}

template <class Matrix>
std::vector<double> hessian(const Matrix& x, const PointRows<typename Matrix::value_type>& rows, const PointLoss& loss,
                            const std::vector<double>& point, int threads) {
    using T = typename Matrix::value_type;
    const Index n = x.rows(), step = x.cols() + 1, K = loss.classes, size = K * step;
    std::vector<T> hess(static_cast<std::size_t>(n));
    const VectorView<const T> weight{hess.data(), n, 1};
    if (K <= 1) {
        const PassSums pass = smooth_pass(scalar_rows(x, rows, loss), point.data(), point.back(), hess.data(), threads);
        std::vector<double> found = bordered_gram(x, weight, threads);
        for (double& h : found) h /= pass.weight_sum;
        return found;
    }
    std::vector<T> share(static_cast<std::size_t>(K * n));
    const double total = class_value(x, rows, K, point, share.data(), threads).weight_sum;
    std::vector<double> found(static_cast<std::size_t>(size * size));
    for (Index k = 0; k < K; ++k)
        for (Index l = 0; l <= k; ++l) {
            const T *first = share.data() + k * n, *second = share.data() + l * n;
            for (Index i = 0; i < n; ++i)
                hess[i] = (rows.weight ? rows.weight[i] : T(1)) * first[i] * (k == l ? 1 - first[i] : -second[i]);
            const std::vector<double> block = bordered_gram(x, weight, threads);
            for (Index i = 0; i < step; ++i)
                for (Index j = 0; j < step; ++j)
                    found[(k * step + i) * size + l * step + j] = found[(l * step + i) * size + k * step + j] =
                        block[i * step + j] / total;
        }
    return found;
}

#define MLCRAFT_POINT(M)                                                                                   \
    template PointValue value_and_gradient<M>(const M&, const PointRows<M::value_type>&, const PointLoss&, \
                                              const std::vector<double>&, int);                            \
    template std::vector<double> hessian<M>(const M&, const PointRows<M::value_type>&, const PointLoss&,   \
                                            const std::vector<double>&, int);
MLCRAFT_POINT(DenseMatrix<double>)
MLCRAFT_POINT(DenseMatrix<float>)
using PointCsr64 = CsrMatrix<double, std::int32_t>;
using PointCsr32 = CsrMatrix<float, std::int32_t>;
using PointLongCsr64 = CsrMatrix<double, std::int64_t>;
using PointLongCsr32 = CsrMatrix<float, std::int64_t>;
MLCRAFT_POINT(PointCsr64)
MLCRAFT_POINT(PointCsr32)
MLCRAFT_POINT(PointLongCsr64)
MLCRAFT_POINT(PointLongCsr32)
#undef MLCRAFT_POINT

}  // namespace mlcraft
