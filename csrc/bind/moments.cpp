#include <cmath>
#include <tuple>

#include "arrays.hpp"
#include "mlcraft/moments/gather.hpp"
#include "mlcraft/moments/sparse.hpp"
#include "mlcraft/solver/spectral.hpp"

namespace mlcraft::bind {
namespace {

std::vector<double> flat(const Doubles& a) { return {a.data(), a.data() + a.size()}; }

// Calls make(view or matrix, targets, weights) without the GIL.
template <class Make>
Moments over_rows(const py::object& x, const py::array& y, const py::object& weight, Make&& make) {
    const auto run = [&](const auto& matrix) {
        using T = typename std::decay_t<decltype(matrix)>::value_type;
        const MatrixView<const T> targets = matrix_view<T>(y, "y");
        const VectorView<const T> w = vector_view<T>(weight, matrix.rows(), "sample_weight");
        if (targets.rows != matrix.rows()) throw py::value_error("y must have as many rows as X");
        Moments m;
        {
            const py::gil_scoped_release release;
            const CallScope scope;
            if constexpr (requires { matrix.view(); })
                m = make(matrix.view(), targets, w);
            else
                m = make(matrix, targets, w);
        }
        if (m.interrupted) throw py::error_already_set();
        return m;
    };
    return visit_matrix(x, run);
}

Moments moments_of(const py::object& x, const py::array& y, const py::object& weight, bool centre) {
    return over_rows(x, y, weight, [&]<class X, class T>(const X& rows, MatrixView<const T> t, VectorView<const T> w) {
        if constexpr (std::is_same_v<X, MatrixView<const T>>)
            return dense_moments<T, T>(rows, t, w, centre, available_threads());
        else
            return sparse_moments(rows, t, w, centre, available_threads());
    });
}

using RowNumbers = py::array_t<std::int64_t, py::array::c_style | py::array::forcecast>;

Moments gathered(const py::object& x, const py::array& y, const py::object& weight, bool centre,
                 const std::optional<RowNumbers>& rows) {
    return over_rows(x, y, weight, [&]<class X, class T>(const X& all, MatrixView<const T> t, VectorView<const T> w) {
        if (!rows) return gather(all, t, w, centre, available_threads());
        if (std::any_of(rows->data(), rows->data() + rows->size(), [&](auto i) { return i < 0 || i >= t.rows; }))
            throw std::out_of_range("rows must be numbers of rows of X");
        if constexpr (std::is_same_v<X, MatrixView<const T>>)
            return gather_rows(all, t, w, rows->data(), rows->size(), centre, available_threads());
        else
            throw std::invalid_argument("rows of a sparse X are for the caller to pick");
    });
}

void require_same_kind(const Moments& a, const Moments& b) {
    if (a.features != b.features || a.targets != b.targets || a.centred != b.centred)
        throw py::value_error("the moments have different numbers of features or targets, or only one is centred");
}

bool add(Moments& into, const py::object& x, const py::array& y, const py::object& weight) {
    const Moments part = gathered(x, y, weight, into.centred, {});
    require_same_kind(into, part);
    if (!part.finite) return false;
    merge(into, part);
    return true;
}

// x_low, y_low, noise, x_error, y_error and y_noise may be empty.
Moments restored(double weight_sum, const Doubles& x_mean, const Doubles& y_mean, const Doubles& xx, const Doubles& xy,
                 const Doubles& yy, Index samples, bool centred, const Doubles& x_low, const Doubles& y_low,
                 const Doubles& noise, double log_weight, const Doubles& x_error, const Doubles& y_error,
                 const Doubles& y_noise) {
    Moments m{x_mean.size(), y_mean.size(), centred,      weight_sum,  flat(x_mean),
              flat(y_mean),  flat(xx),      flat(xy),     flat(yy),    {},
              samples,       flat(x_low),   flat(y_low),  flat(noise), log_weight,
              flat(x_error), flat(y_error), flat(y_noise)};
    complete(m);
    return m;
}

using State = std::tuple<double, Doubles, Doubles, Doubles, Doubles, Doubles, Index, bool, Doubles, Doubles, Doubles,
                         double, Doubles, Doubles, Doubles>;

py::tuple state_of(const Moments& m) {
    return py::make_tuple(m.weight_sum, vector_of(m.x_mean), vector_of(m.y_mean),
                          to_array<double>(m.xx, {m.features, m.features}),
                          to_array<double>(m.xy, {m.features, m.targets}), vector_of(m.yy), m.samples, m.centred,
                          vector_of(m.x_low), vector_of(m.y_low), vector_of(m.noise), m.log_weight,
                          vector_of(m.x_error), vector_of(m.y_error), vector_of(m.y_noise));
}

// None, or what was asked for that cannot be.
py::object removed(Moments& from, const Moments& part) {
    require_same_kind(from, part);
    static constexpr const char* names[] = {"none", "rows", "weight", "feature", "target"};
    const Removal removal = remove(from, part);
    if (removal.fault == Removal::Fault::none) return py::none();
    return py::make_tuple(names[static_cast<int>(removal.fault)], removal.column, removal.held, removal.removed);
}

py::tuple solved(Moments moments, LeastSquaresOptions options) {
    if (options.alpha.size() != 1 && static_cast<Index>(options.alpha.size()) != moments.targets)
        throw py::value_error("alpha must have one element, or one for each target");
    if (options.fit_intercept && !moments.centred)
        throw py::value_error("these moments were gathered without an intercept");
    double check = moments.weight_sum;
    for (const auto* part : {&moments.x_mean, &moments.y_mean, &moments.xx, &moments.xy, &moments.yy})
        for (double value : *part) check += value * 0;
    moments.finite = std::isfinite(check);
    options.threads = available_threads();
    MomentsSolution found;
    {
        const py::gil_scoped_release release;
        found = solve_from_moments(moments, options);
    }
    return py::make_tuple(std::move(found.solution), found.error);
}

}  // namespace

void register_moments(py::module_& m) {
    const py::arg x("x"), y("y");
    const auto weight = py::arg("sample_weight") = py::none();
    const auto centre = py::arg("centre") = true;
    const auto nothing = py::array_t<double>(0);
    py::class_<Moments>(m, "Moments")
        .def(py::init(&restored), py::arg("weight_sum"), py::arg("x_mean"), py::arg("y_mean"), py::arg("xx"),
             py::arg("xy"), py::arg("yy"), py::kw_only(), py::arg("samples") = 0, py::arg("centred") = true,
             py::arg("x_low") = nothing, py::arg("y_low") = nothing, py::arg("noise") = nothing,
             py::arg("log_weight") = 0.0, py::arg("x_error") = nothing, py::arg("y_error") = nothing,
             py::arg("y_noise") = nothing)
        .def(py::pickle(&state_of, [](const py::tuple& t) { return std::apply(restored, py::cast<State>(t)); }))
        .def_readonly("weight_sum", &Moments::weight_sum)
        .def_readonly("samples", &Moments::samples)
        .def_readonly("log_weight", &Moments::log_weight)
        .def_readonly("centred", &Moments::centred)
        .def_readonly("finite", &Moments::finite)
        .def_property_readonly("x_mean", [](const Moments& s) { return vector_of(s.x_mean); })
        .def_property_readonly("y_mean", [](const Moments& s) { return vector_of(s.y_mean); })
        .def_property_readonly("xx", [](const Moments& s) { return to_array<double>(s.xx, {s.features, s.features}); })
        .def_property_readonly("xy", [](const Moments& s) { return to_array<double>(s.xy, {s.features, s.targets}); })
        .def_property_readonly("yy", [](const Moments& s) { return vector_of(s.yy); })
        .def(
            "copy", [](const Moments& s) { return s; }, "Moments of their own.")
        .def("add", &add, x, y, weight, "Merge the moments of these rows; False, and nothing done, if not finite.")
        .def(
            "merge",
            [](Moments& into, const Moments& other) {
                require_same_kind(into, other);
                merge(into, Moments(other));
            },
            py::arg("other"), "Moments of the rows of both, in place.")
        .def("remove", &removed, py::arg("part"),
             "Take out rows again, in place: None, or (what, column, held, removed) and nothing done.")
        .def(
            "decay", [](Moments& s, double factor) { decay(s, factor); }, py::arg("factor"), "Weights times factor.")
        .def("uncentred", [](const Moments& s) { return uncentred(s); }, "The moments about zero.");

    m.def("moments", &moments_of, x, y, weight, centre, "Weighted first and second moments of [x, y].");
    m.def("gather_moments", &gathered, x, y, weight, centre, py::arg("rows") = py::none(),
          "The same with products in double and rows counted, to be merged and removed; of all rows or those listed.");
    m.def("solve_moments", &solved, py::arg("moments"), py::arg("options"),
          "Weighted ridge regression from its moments alone, and a bound on the relative error of the coefficients.");
}

}  // namespace mlcraft::bind
