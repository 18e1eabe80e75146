#include <algorithm>

#include "arrays.hpp"
#include "mlcraft/matrix/centred.hpp"

namespace mlcraft::bind {
namespace {

template <class Visit>
auto visit(const py::object& x, Visit&& f) {
    const bool by_columns = !py::isinstance<py::array>(x) && py::cast<std::string>(x.attr("format")) == "csc";
    return by_columns ? visit_sparse<CscMatrix>(x, f) : visit_matrix(x, f);
}

const double* data_or_null(const std::optional<Doubles>& a, Index size) {
    if (!a) return nullptr;
    if (a->size() != size) throw py::value_error("centre and scale need an element for each column");
    return a->data();
}

// The matrix contract, for tests and for tools that bring their own algorithm. Results are double.
struct MatrixOperations {
    py::object x;
    std::optional<Doubles> centre, scale;

    template <class Function>
    py::array_t<double> run(Function&& f) const {
        return visit(x, [&](const auto& m) {
            const CentredMatrix<std::decay_t<decltype(m)>> matrix(m, data_or_null(centre, m.cols()),
                                                                  data_or_null(scale, m.cols()));
            return f(m, matrix);
        });
    }
};

template <class T>
std::vector<T> cast_to(const Doubles& v, Index size, const char* name) {
    if (v.size() != size) throw py::value_error(std::string(name) + " has the wrong length");
    return std::vector<T>(v.data(), v.data() + v.size());
}

// Rows [begin, end); a negative end stands for all.
Index checked_end(Index begin, Index end, Index rows) {
    const Index last = end < 0 ? rows : end;
    if (begin < 0 || begin > last || last > rows)
        throw py::index_error("rows [" + std::to_string(begin) + ", " + std::to_string(end) + ") are not within the " +
                              std::to_string(rows) + " rows of X");
    return last;
}

void check_index(Index index, Index size, const char* what) {
    if (index < 0 || index >= size)
        throw py::index_error(std::string(what) + " " + std::to_string(index) + " is not within the " +
                              std::to_string(size) + " of X");
}

py::array_t<double> matrix_times(const MatrixOperations& self, const Doubles& v, Index begin, Index end) {
    return self.run([&](const auto& m, const auto& matrix) {
        using T = typename std::decay_t<decltype(m)>::value_type;
        const Index last = checked_end(begin, end, m.rows());
        std::vector<T> eta(static_cast<std::size_t>(last - begin), T(0));
        if (v.size() != m.cols()) throw py::value_error("v needs an element for each column");
        matrix.times(begin, last - begin, v.data(), eta.data());
        return to_array<double>(std::vector<double>(eta.begin(), eta.end()), {last - begin});
    });
}

py::array_t<double> matrix_transposed_times(const MatrixOperations& self, const Doubles& r, Index begin, Index end) {
    return self.run([&](const auto& m, const auto& matrix) {
        using T = typename std::decay_t<decltype(m)>::value_type;
        const Index last = checked_end(begin, end, m.rows());
        const std::vector<T> values = cast_to<T>(r, last - begin, "r");
        std::vector<double> g(static_cast<std::size_t>(m.cols()), 0.0);
        matrix.transposed_times(begin, last - begin, values.data(), g.data());
        return to_array<double>(g, {m.cols()});
    });
}

py::array_t<double> matrix_gram(const MatrixOperations& self, const std::optional<Doubles>& w, Index begin, Index end) {
    return self.run([&](const auto& m, const auto& matrix) {
        using T = typename std::decay_t<decltype(m)>::value_type;
        const Index p = m.cols(), last = checked_end(begin, end, m.rows());
        std::vector<T> weights;
        if (w) weights = cast_to<T>(*w, last - begin, "sample_weight");
        std::vector<double> g(static_cast<std::size_t>(p * p), 0.0);
        matrix.gram(begin, last - begin, w ? weights.data() : nullptr, g.data());
        for (Index i = 0; i < p; ++i)
            for (Index j = 0; j < i; ++j) g[i * p + j] = g[j * p + i];
        return to_array<double>(g, {p, p});
    });
}

// X v_k and X' r_k for the rows of v (K x cols) and r (K x rows), with K right-hand sides at once.
py::tuple matrix_products(const MatrixOperations& self, const Doubles& v, const Doubles& r, Index begin, Index end) {
    return visit(self.x, [&](const auto& m) -> py::tuple {
        using Matrix = std::decay_t<decltype(m)>;
        using T = typename Matrix::value_type;
        if constexpr (!requires { &Matrix::times_many; }) {
            throw py::type_error("products with many vectors need dense or CSR X");
        } else {
            const Index last = checked_end(begin, end, m.rows()), count = last - begin, K = v.shape(0);
            const std::vector<T> sides = cast_to<T>(v, K * m.cols(), "v"), rows = cast_to<T>(r, K * count, "r");
            const Index ld = count + 3;  // longer than the rows, to see that it is used
            std::vector<T> eta(static_cast<std::size_t>(K * ld), T(0)), spread(eta);
            std::vector<double> g(static_cast<std::size_t>(K * m.cols()), 0.0);
            for (Index k = 0; k < K; ++k) std::copy_n(rows.begin() + k * count, count, spread.begin() + k * ld);
            m.times_many(begin, count, sides.data(), K, eta.data(), ld);
            m.transposed_times_many(begin, count, spread.data(), ld, K, g.data());
            return py::make_tuple(to_array<double>(std::vector<double>(eta.begin(), eta.end()), {K, ld}),
                                  to_array<double>(g, {K, m.cols()}));
        }
    });
}

// [dot, squared norm] of column j, and r + a x_j; the same for row i without the norm.
py::tuple matrix_column(const MatrixOperations& self, Index j, double a, const Doubles& r) {
    return visit(self.x, [&](const auto& m) {
        using T = typename std::decay_t<decltype(m)>::value_type;
        check_index(j, m.cols(), "column");
        std::vector<T> values = cast_to<T>(r, m.rows(), "r");
        const double dot = m.column_dot(j, values.data());
        m.column_axpy(j, static_cast<T>(a), values.data());
        return py::make_tuple(dot, m.column_squared_norm(j),
                              to_array<double>(std::vector<double>(values.begin(), values.end()), {m.rows()}));
    });
}

py::tuple matrix_row(const MatrixOperations& self, Index i, double a, const Doubles& v) {
    return visit(self.x, [&](const auto& m) {
        using T = typename std::decay_t<decltype(m)>::value_type;
        check_index(i, m.rows(), "row");
        std::vector<T> values = cast_to<T>(v, m.cols(), "v");
        const double dot = m.row_dot(i, values.data());
        m.row_axpy(i, static_cast<T>(a), values.data());
        return py::make_tuple(dot, to_array<double>(std::vector<double>(values.begin(), values.end()), {m.cols()}));
    });
}

py::array_t<double> matrix_read(const MatrixOperations& self, Index begin, Index end) {
    return self.run([&](const auto& m, const auto&) {
        const Index last = checked_end(begin, end, m.rows()), count = last - begin;
        std::vector<double> columns(static_cast<std::size_t>(count * m.cols()));
        m.read(begin, count, columns.data(), count);
        return to_array<double>(columns, {m.cols(), count});
    });
}

}  // namespace

void register_matrix(py::module_& m) {
    py::class_<MatrixOperations>(m, "Matrix")
        .def(py::init<py::object, std::optional<Doubles>, std::optional<Doubles>>(), py::arg("x"),
             py::arg("centre") = py::none(), py::arg("scale") = py::none())
        .def("times", &matrix_times, py::arg("v"), py::arg("begin") = 0, py::arg("end") = -1)
        .def("transposed_times", &matrix_transposed_times, py::arg("r"), py::arg("begin") = 0, py::arg("end") = -1)
        .def("products", &matrix_products, py::arg("v"), py::arg("r"), py::arg("begin") = 0, py::arg("end") = -1)
        .def("gram", &matrix_gram, py::arg("sample_weight") = py::none(), py::arg("begin") = 0, py::arg("end") = -1)
        .def("column", &matrix_column, py::arg("j"), py::arg("a"), py::arg("r"))
        .def("row", &matrix_row, py::arg("i"), py::arg("a"), py::arg("v"))
        .def("read", &matrix_read, py::arg("begin") = 0, py::arg("end") = -1);
}

}  // namespace mlcraft::bind
