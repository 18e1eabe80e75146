// First-order methods for sum w_i loss(y_i, eta_i) / sum w_i + penalty(b), eta_i = offset_i + c + x_i'b:
//
//   gd        proximal gradient: fixed steps, backtracking, or Barzilai and Borwein (1988) with the non-monotone test
//             of Wright, Nowak and Figueiredo (2009)
//   momentum  Polyak's heavy ball (1964), with a prox: Ochs et al. (2014)
//   nesterov, fista  Nesterov (1983), Beck and Teboulle (2009), with the restart of O'Donoghue and Candès (2015)
//   adagrad   Duchi, Hazan and Singer (2011);  rmsprop  Tieleman and Hinton (2012);  adam  Kingma and Ba (2015)
//   sgd       mini-batches (Robbins and Monro 1951), averages by Lacoste-Julien, Schmidt and Bach (2012)
//   svrg      Johnson and Zhang (2013), Xiao and Zhang (2014);  saga  Defazio, Bach and Lacoste-Julien (2014)
//
// All of them in the coordinates of descent_problem.hpp: the scales and means of the columns do not matter. The penalty
// enters through its prox, in the metric of the step.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "mlcraft/core/types.hpp"
#include "mlcraft/solver/descent_problem.hpp"

namespace mlcraft {

struct FirstOrderOptions {
    std::string loss = "squared", solver = "nesterov", penalty = "none";
    double parameter = 0;  // of the loss
    Index classes = 2;     // of the multinomial loss
    std::array<std::uintptr_t, 2> user_loss{};
    bool smooth = true;                            // whether the loss has a gradient everywhere
    double alpha = 0, l1_ratio = 0;                // of the penalty: see elastic_net.hpp and group.hpp
    std::vector<double> lower, upper;              // box
    std::vector<Index> groups;                     // group
    std::array<std::uintptr_t, 2> user_penalty{};  // prox and value
    bool fit_intercept = true;
    std::vector<double> coef, intercepts;  // start; empty: none
    double step = 0;                       // in the scaled coordinates; 0: found
    std::string step_rule = "auto";        // fixed, backtracking, barzilai_borwein
    double momentum = 0.9, beta2 = 0.999;
    Index batch_size = 0;           // 0: by the method
    std::string schedule = "auto";  // constant, invscaling, optimal, step_decay
    double power = 0.5;             // of invscaling
    bool average = false, restart = true;
    std::uint64_t seed = 0;
    double tol = 1e-6;
    Index max_iter = 1000;  // steps over all rows, or epochs
    double max_time = 0;    // seconds; 0: no limit
    bool trace = false;
    int threads = 1;
    std::function<bool(Index, double, double)> callback;  // (iteration, objective, certificate); true ends the fit
};

struct FirstOrderSolution {
    std::vector<double> coef, intercepts;  // class by class
    double objective = 0;
    double certificate = 0;  // largest violation of optimality in columns of unit variance, relative to the residuals
    Index iterations = 0;
    double passes = 0;  // over all rows, those that measure it included
    const char* status = "max_iter";
    std::vector<std::array<double, 5>> trace;  // iteration, passes, seconds, objective, certificate
};

FirstOrderSolution descend(DescentProblem& problem, const FirstOrderOptions& options);

template <class Matrix>
FirstOrderSolution fit_first_order(const Matrix& x, VectorView<const typename Matrix::value_type> y,
                                   VectorView<const typename Matrix::value_type> weight,
                                   VectorView<const typename Matrix::value_type> offset,
                                   const FirstOrderOptions& options) {
    const DescentLoss loss{options.loss, options.parameter, options.classes, options.user_loss, options.smooth};
    return descend(*descent_problem(x, y, weight, offset, loss, options.fit_intercept, options.threads), options);
}

}  // namespace mlcraft
