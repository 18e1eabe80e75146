// What a logistic fit leaves of its rows for inference: the information sum w mu (1 - mu) z z', z = (1, x - mean), as
// weighted moments, and how sure the fit is of the rows. For few rows, where calls cost more than sums.
#pragma once

#include "mlcraft/moments/moments.hpp"

namespace mlcraft {

struct LogisticInformation {
    double sum = 0;     // sum w mu
    double second = 0;  // sum w mu over the rows of class 1
    Index certain = 0;  // rows with mu (1 - mu) < 1e-7
    Moments moments;    // weighted by w mu (1 - mu)
};

LogisticInformation logistic_information(MatrixView<const double> x, VectorView<const double> y,
                                         VectorView<const double> weight, const double* coef, double intercept,
                                         bool centre);

}  // namespace mlcraft
