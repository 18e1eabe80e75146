#include "arrays.hpp"
#include "mlcraft/matrix/rows.hpp"
#include "mlcraft/moments/dual.hpp"
#include "mlcraft/stats/leverage.hpp"

namespace mlcraft::bind {
namespace {

using Doubles = py::array_t<double, py::array::c_style | py::array::forcecast>;

// Calls run(rows) for x with its weights, the interpreter let go.
template <class Run>
void with_rows(const py::object& x, const py::object& weight, Run&& run) {
    const auto visit = [&](const auto& matrix) {
        using Matrix = std::decay_t<decltype(matrix)>;
        using T = typename Matrix::value_type;
        const Rows<Matrix> rows(matrix, {}, vector_view<T>(weight, matrix.rows(), "sample_weight"));
        run(rows);
    };
    if (py::isinstance<py::array>(x)) return visit_dense(py::cast<py::array>(x), visit);
    return visit_sparse<CsrMatrix>(x, visit);
}

Whitener whitener_of(const Doubles& root, const Doubles& mean, Index features) {
    if (root.ndim() != 2 || root.shape(0) != features || mean.size() != features)
        throw py::value_error("root and mean do not fit the columns of X");
    return {root.data(), root.shape(1), mean.data()};
}

int threads_of(const RowSource& rows, Index rank) {
    return threads_for(static_cast<double>(rows.rows) * static_cast<double>(rows.cols) * static_cast<double>(rank + 4));
}

py::tuple influence(const py::object& x, const Doubles& root, const Doubles& mean, const Doubles& coef,
                    const std::string& wanted) {
    std::optional<Doubles> quadratic, fit, square, projection, direction;
    with_rows(x, py::none(), [&](const RowSource& rows) {
        const Whitener whitener = whitener_of(root, mean, rows.cols);
        if (coef.ndim() != 2 || coef.shape(1) != rows.cols) throw py::value_error("coef does not fit the columns of X");
        const Index targets = coef.shape(0);
        RowInfluence out;
        const auto make = [&](char letter, std::optional<Doubles>& array, double*& data, Index width) {
            if (wanted.find(letter) == std::string::npos) return;
            array.emplace(std::vector<py::ssize_t>{rows.rows, width});
            data = array->mutable_data();
        };
        make('q', quadratic, out.quadratic, 1);
        make('f', fit, out.fit, targets);
        make('s', square, out.square, 1);
        make('p', projection, out.projection, targets);
        make('d', direction, out.direction, rows.cols);
        Status status;
        {
            const py::gil_scoped_release release;
            const CallScope scope;
            status = row_influence(rows, whitener, coef.data(), targets, out, threads_of(rows, whitener.rank));
        }
        raise_if_interrupted(status);
    });
    return py::make_tuple(quadratic, fit, square, projection, direction);
}

py::tuple whitened(const py::object& x, const py::object& weight, const Doubles& root, const Doubles& mean) {
    WhitenedGram found;
    with_rows(x, weight, [&](const RowSource& rows) {
        const Whitener whitener = whitener_of(root, mean, rows.cols);
        {
            const py::gil_scoped_release release;
            const CallScope scope;
            found = whitened_gram(rows, whitener, threads_of(rows, whitener.rank));
        }
        raise_if_interrupted(found.status);
    });
    const Index rank = root.shape(1);
    return py::make_tuple(to_array<double>(found.gram, {rank, rank}),
                          to_array<double>(found.shift, {static_cast<Index>(found.shift.size())}), found.weight_sum);
}

py::array_t<double> row_gram(const py::object& x, const Doubles& root_weight, const Doubles& mean) {
    std::vector<double> gram;
    Index n = 0;
    with_rows(x, py::none(), [&](const RowSource& rows) {
        n = rows.rows;
        if (root_weight.size() != n || mean.size() != rows.cols)
            throw py::value_error("root_weight and mean do not fit the shape of X");
        const py::gil_scoped_release release;
        const CallScope scope;
        gram = dual_gram(rows, mean.data(), root_weight.data(), threads_of(rows, n));
    });
    return to_array<double>(gram, {n, n});
}

}  // namespace

void register_influence(py::module_& m) {
    m.def(
        "row_influence", &influence, py::arg("x"), py::arg("root"), py::arg("mean"), py::arg("coef"), py::arg("wanted"),
        "For rows d of x - mean and u = root root'd: q d'u, f d'coef, s u'u, p u'coef, d u; those named in `wanted`.");
    m.def("whitened_gram", &whitened, py::arg("x"), py::arg("sample_weight"), py::arg("root"), py::arg("mean"),
          "root'D'WD root for D = x - mean, the weighted sums of D by column, and the sum of the weights.");
    m.def("row_gram", &row_gram, py::arg("x"), py::arg("root_weight"), py::arg("mean"),
          "The products of all pairs of rows of root_weight (x - mean).");
}

}  // namespace mlcraft::bind
