// Stochastic gradient descent, one row after the other: the sequence of updates of scikit-learn's SGD estimators, with
// their order of rows for a seed, so that the results are theirs to rounding.
//
// Row x, y with weight v at step t: p = x'b + c, then b := max(0, 1 - eta alpha (1 - l1_ratio)) b - eta v g x, where
// g = d loss / d p (at most 1e12 in size), and c := c - eta v g (a hundredth of that on sparse rows). What the L1
// penalty is due, u = sum of eta alpha l1_ratio, is taken from the coefficients of a row when it comes (Tsuruoka,
// Tsujii and Ananiadou 2009). b = scale * w: shrinking costs one multiplication (Shalev-Shwartz et al. 2007). From step
// `average` on the iterates are averaged (Polyak and Juditsky 1992; lazily: Bottou, SGD Tricks, 2012; Xu 2011).
//
//   loss (parameter)              value                             gradient g
//   hinge (threshold h)           max(0, h - y p)                   -y where y p <= h
//   squared_hinge                 max(0, 1 - y p)^2                 -2 y max(0, 1 - y p)
//   log_loss, y in {0, 1}         log(1 + exp(p)) - y p             1 / (1 + exp(-p)) - y
//   modified_huber                max(0, 1 - y p)^2, linear below y p = -1 (Zhang 2004)
//   squared_error                 (p - y)^2 / 2                     p - y
//   huber (delta)                 r^2 / 2, linear beyond delta      r = p - y, within delta
//   epsilon_insensitive           max(0, |y - p| - epsilon)         sign(p - y) outside epsilon
//   squared_epsilon_insensitive   the square of that                2 sign(p - y) max(0, |y - p| - epsilon)
//
// eta: constant eta0; optimal 1 / (alpha (t0 + t - 1)), t0 = 1 / (alpha eta_1), eta_1 = alpha^(-1/4) (Bottou 2010);
// invscaling eta0 / t^power; adaptive: eta0, divided by five whenever nothing has improved for some epochs.
// Passive-aggressive steps (Crammer et al. 2006): min(C, loss / |x|^2) or loss / (|x|^2 + 1 / (2 C)), with C = eta0.
//
// With batch_size > 1, a step takes the mean of v g x over so many rows, found by all threads with the same bits for
// any number of them; t counts these steps.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "mlcraft/core/types.hpp"
#include "mlcraft/simd/kernels.hpp"

namespace mlcraft {

enum class SgdSchedule { constant, optimal, invscaling, adaptive, pa1, pa2 };

struct SgdOptions {
    std::string loss = "hinge", schedule = "optimal", penalty = "l2";  // penalty: none, l2, l1 or elasticnet
    double parameter = 0;                                              // epsilon or delta of the loss
    double alpha = 1e-4, l1_ratio = 0.15;
    double eta0 = 0.01, power = 0.5;
    double tol = 1e-3;  // minus infinity: no stopping
    double average = 0;
    Index max_iter = 1000, patience = 5, batch_size = 1;
    bool fit_intercept = true, shuffle = true, early_stopping = false, one_class = false;
    bool follow = false;  // find the training loss even where nothing else needs it
    int threads = 1;
};

// One model: what it starts from and what is left of it. Several share the rows: one against the rest.
template <class T>
struct SgdProblem {
    T *coef = nullptr, *average_coef = nullptr;  // average_coef: null without averaging
    double intercept = 0, average_intercept = 0;
    std::uint32_t seed = 0;
    double positive = 1, negative = 1;  // weights of the rows with target above zero and of the others
    double code = -1;                   // not negative: the target is whether y is this code
    Index n_iter = 0;
    double loss = 0, objective = 0, score = 0;  // of the last epoch: means over the rows
    Status status = Status::max_iter;           // converged, max_iter, not_finite, interrupted
};

template <class T>
struct SgdData {
    VectorView<const T> y, weight;             // weight: or absent
    const std::uint8_t* validation = nullptr;  // rows that are not trained on, or null
    double t = 1;                              // the first step's number
};

template <class T>
struct SgdCalls {
    // the score of problem k on the validation rows; its coefficients are scale * w
    std::function<double(Index k, const T* w, double intercept, double scale)> score;
    // after every epoch, all problems in step; true ends them
    std::function<bool(Index epoch)> epoch;
    bool copies = true;  // whether the problems' coefficients are up to date then
};

// Trains all problems, several at once where there are threads. Interrupted: by Ctrl-C or by calls.epoch.
// std::invalid_argument: there is no such loss or schedule, or X has no rows.
template <class Matrix>
Status train_sgd(const Matrix& x, const SgdData<typename Matrix::value_type>& data,
                 std::vector<SgdProblem<typename Matrix::value_type>>& problems, const SgdOptions& options,
                 const SgdCalls<typename Matrix::value_type>& calls);

}  // namespace mlcraft
