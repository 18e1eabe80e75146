#include "arrays.hpp"
#include "mlcraft/matrix/rows.hpp"
#include "mlcraft/stats/folds.hpp"
#include "mlcraft/stats/leave_one_out.hpp"

namespace mlcraft::bind {
namespace {

using Indices = std::vector<std::int64_t>;
using IndexArray = py::array_t<std::int64_t, py::array::c_style | py::array::forcecast>;

// Calls visit(rows) for dense or CSR x; y and weight may be None.
template <class Visit>
auto visit_rows(const py::object& x, const py::object& y, const py::object& weight, Visit&& visit) {
    const auto run = [&](const auto& matrix) {
        using Matrix = std::decay_t<decltype(matrix)>;
        using T = typename Matrix::value_type;
        MatrixView<const T> targets{nullptr, matrix.rows(), 0, 0, 0};
        if (!y.is_none()) targets = matrix_view<T>(py::cast<py::array>(y), "y");
        if (targets.rows != matrix.rows()) throw py::value_error("y must have as many rows as X");
        const VectorView<const T> w = vector_view<T>(weight, matrix.rows(), "sample_weight");
        return visit(Rows<Matrix>(matrix, targets, w));
    };
    return visit_matrix(x, run);
}

Indices checked_indices(const IndexArray& order, Index rows) {
    for (Index i = 0; i < order.size(); ++i)
        if (order.data()[i] < 0 || order.data()[i] >= rows) throw py::index_error("a row of a fold is not a row of X");
    return {order.data(), order.data() + order.size()};
}

py::object leave_one_out_of(const py::object& x, const py::object& y, const py::object& weight, const py::tuple& plan,
                            bool keep, double smallest) {
    const auto mean = py::cast<Doubles>(plan[0]), y_mean = py::cast<Doubles>(plan[1]),
               right = py::cast<Doubles>(plan[2]), leverage = py::cast<Doubles>(plan[3]);
    return visit_rows(x, y, weight, [&](const auto& rows) -> py::object {
        LeaveOneOutPlan p{
            rows.cols,    leverage.shape(1), leverage.shape(0),         rows.targets, mean.data(), y_mean.data(),
            right.data(), leverage.data(),   py::cast<double>(plan[4]), smallest};
        if (mean.size() != p.features || y_mean.size() != p.targets || right.ndim() != 2 ||
            right.shape(0) != p.features || right.shape(1) != p.directions + p.penalties * p.targets)
            throw py::value_error("the shapes of the plan do not agree");
        py::array_t<double> errors(keep ? std::vector<py::ssize_t>{rows.rows, p.targets, p.penalties}
                                        : std::vector<py::ssize_t>{0});
        double* out = keep ? errors.mutable_data() : nullptr;
        LeaveOneOutErrors found;
        {
            const py::gil_scoped_release release;
            const CallScope scope;
            found = leave_one_out(rows, p, out, threads_for(2.0 * static_cast<double>(rows.rows * right.size())));
        }
        if (found.interrupted) throw py::error_already_set();
        return py::make_tuple(to_array<double>(found.squares, {p.penalties, p.targets}), found.unreliable,
                              keep ? py::object(errors) : py::none());
    });
}

py::object products_of(const py::object& x, const py::object& order, const py::object& mean, const Doubles& right) {
    return visit_rows(x, py::none(), py::none(), [&](const auto& rows) -> py::object {
        const Indices chosen = order.is_none() ? Indices{} : checked_indices(py::cast<IndexArray>(order), rows.rows);
        const auto centre = mean.is_none() ? Doubles(0) : py::cast<Doubles>(mean);
        if (right.ndim() != 2 || right.shape(0) != rows.cols || (!mean.is_none() && centre.size() != rows.cols))
            throw py::value_error("mean and right must fit the columns of X");
        const Index count = order.is_none() ? rows.rows : static_cast<Index>(chosen.size()), columns = right.shape(1);
        py::array_t<double> out({count, columns});
        double* data = out.mutable_data();
        const std::vector<Index> rows_at(chosen.begin(), chosen.end());
        bool done = false;
        {
            const py::gil_scoped_release release;
            const CallScope scope;
            done = centred_products(rows, order.is_none() ? nullptr : rows_at.data(), count,
                                    mean.is_none() ? nullptr : centre.data(), right.data(), columns, data,
                                    threads_for(2.0 * static_cast<double>(count * right.size())));
        }
        if (!done) throw py::error_already_set();
        return out;
    });
}

std::vector<Moments> folds_of(const py::array& x, const py::array& y, const py::object& weight, const IndexArray& rows,
                              const Indices& starts, bool centre) {
    return visit_dense(x, [&](const auto& matrix) {
        using T = typename std::decay_t<decltype(matrix)>::value_type;
        const MatrixView<const T> targets = matrix_view<T>(y, "y");
        const VectorView<const T> w = vector_view<T>(weight, matrix.rows(), "sample_weight");
        if (targets.rows != matrix.rows()) throw py::value_error("y must have as many rows as X");
        const Indices order = checked_indices(rows, matrix.rows());
        if (starts.size() < 2 || starts.front() < 0 || !std::is_sorted(starts.begin(), starts.end()) ||
            starts.back() > static_cast<std::int64_t>(order.size()))
            throw py::value_error("starts must ascend within order");
        std::vector<Moments> found;
        {
            const py::gil_scoped_release release;
            const CallScope scope;
            const double p = static_cast<double>(matrix.cols());
            const int threads = threads_for(static_cast<double>(order.size()) * p * (p + 16));
            found = fold_moments<T>(matrix.view(), targets, w, order, starts, centre, threads);
        }
        if (found.front().interrupted) throw py::error_already_set();
        return found;
    });
}

}  // namespace

void register_ridge_path(py::module_& m) {
    m.def("leave_one_out", &leave_one_out_of, py::arg("x"), py::arg("y"), py::arg("sample_weight"), py::arg("plan"),
          py::arg("keep") = false, py::arg("smallest") = 1e-6,
          "Leave-one-out errors of many ridge penalties; plan: (mean, y_mean, right, leverage_weight, mean_leverage).");
    m.def("centred_products", &products_of, py::arg("x"), py::arg("order"), py::arg("mean"), py::arg("right"),
          "(x[order] - mean) @ right in double, the same bits for any number of threads.");
    m.def("fold_moments", &folds_of, py::arg("x"), py::arg("y"), py::arg("sample_weight"), py::arg("order"),
          py::arg("starts"), py::arg("centre") = true,
          "Moments of the rows order[starts[f]:starts[f + 1]] of dense x.");
    m.def("left_out_moments", &left_out_moments, py::arg("parts"), "Moments of all parts but one, for each.");
}

}  // namespace mlcraft::bind
