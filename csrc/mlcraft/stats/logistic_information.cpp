#include "mlcraft/stats/logistic_information.hpp"

#include <cmath>
#include <vector>

#include "mlcraft/matrix/dense.hpp"

namespace mlcraft {

LogisticInformation logistic_information(MatrixView<const double> x, VectorView<const double> y,
                                         VectorView<const double> weight, const double* coef, double intercept,
                                         bool centre) {
    LogisticInformation found;
    std::vector<double> hess(static_cast<std::size_t>(x.rows), intercept);
    DenseMatrix<double>(x).times(0, x.rows, coef, hess.data());
    for (Index i = 0; i < x.rows; ++i) {
        const double eta = hess[i], small = std::exp(-std::abs(eta)), large = 1 / (1 + small);
        const double w = weight ? weight[i] : 1.0, mu = eta > 0 ? large : small * large;
        hess[i] = small * large * large;  // to all its digits also where mu is near 1
        if (hess[i] < 1e-7) ++found.certain;
        hess[i] *= w;
        found.sum += w * mu;
        if (y[i] > 0) found.second += w * mu;
    }
    found.moments = dense_moments<double>(x, {nullptr, x.rows, 0, 0, 1}, {hess.data(), x.rows, 1}, centre, 1);
    return found;
}

}  // namespace mlcraft
