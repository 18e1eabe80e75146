// CGLS (Hestenes and Stiefel 1952; Björck 1996, 7.4.1) for weighted ridge regression on a sparse design that is too
// wide for its Gram matrix. The columns are centred in the algebra. Started at zero it tends to the solution of minimum
// norm.
#pragma once

#include <vector>

#include "mlcraft/core/types.hpp"
#include "mlcraft/matrix/csr.hpp"
#include "mlcraft/moments/moments.hpp"

namespace mlcraft {

struct ConjugateGradientSolution {
    std::vector<double> coef;
    Index iterations = 0;
    double gradient_norm = 0;  // |A'r - alpha b| relative to |A'y|
    double total = 0;          // sum w (y - y_mean)^2
    double residual = 0;       // sum w (y - c - x'b)^2
    Status status = Status::max_iter;
};

// `means` come from sparse_means; target t of y; tol bounds gradient_norm.
template <class T, class I>
ConjugateGradientSolution conjugate_gradient(const CsrMatrix<T, I>& x, VectorView<const T> y,
                                             VectorView<const T> weight, const Moments& means, Index target,
                                             double alpha, double tol, Index max_iter, int threads);

}  // namespace mlcraft
