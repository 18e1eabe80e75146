#include "arrays.hpp"

PYBIND11_MODULE(_core, m) {
    m.doc() = "The compiled core of mlcraft: plain functions on arrays. Shapes and dtypes are checked, values are not.";
    mlcraft::bind::register_system(m);
    mlcraft::bind::register_least_squares(m);
    mlcraft::bind::register_moments(m);
    mlcraft::bind::register_matrix(m);
    mlcraft::bind::register_first_order(m);
    mlcraft::bind::register_loss(m);
    mlcraft::bind::register_predict(m);
    mlcraft::bind::register_influence(m);
    mlcraft::bind::register_stats(m);
    mlcraft::bind::register_metrics(m);
    mlcraft::bind::register_ridge_path(m);
    mlcraft::bind::register_sgd(m);
    mlcraft::bind::register_smooth(m);
    mlcraft::bind::register_svm(m);
}
