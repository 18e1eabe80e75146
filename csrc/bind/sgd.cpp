#include "mlcraft/solver/sgd.hpp"
#include "arrays.hpp"

namespace mlcraft::bind {
namespace {

using std::tuple;
// y; sample_weight, and a byte for each row that is left out (or None); number of the first step
using Data = tuple<py::array, py::object, py::object, double>;
// coefficients (problems, columns) and their averages or None, written; intercept, average intercept, seed, weights of
// positive and of negative rows of each problem; whether y holds codes
using States = tuple<py::array, py::object, py::array_t<double, py::array::c_style>, bool>;
using Numbers = tuple<double, double, double, double, double, double, double>;
using Settings = tuple<tuple<std::string, std::string, std::string>, Numbers, tuple<Index, Index, Index>,
                       tuple<bool, bool, bool, bool, bool>>;
using Functions = tuple<py::list, py::object, bool>;  // scores; epochs or None; whether that wants coefficients

template <class Matrix>
py::list train(const Matrix& x, const Data& arrays, const States& states, SgdOptions& o, const Functions& functions) {
    using T = typename Matrix::value_type;
    const auto& [y, weight, left_out, t] = arrays;
    const auto& [scores, epoch, copies] = functions;
    const auto& [coef, average, numbers, codes] = states;
    const Index n = x.rows(), count = coef.shape(0), p = x.cols();
    const auto written = [&](py::array a) {
        if (!has_type<T>(a) || a.ndim() != 2 || (a.flags() & py::array::c_style) == 0 || a.size() != count * p)
            throw py::value_error("coef must be C-ordered, in the dtype of X, with an element for each of its columns");
        return static_cast<T*>(a.mutable_data());
    };
    SgdData<T> data{vector_view<T>(y, n, "y"), vector_view<T>(weight, n, "sample_weight"), nullptr, t};
    data.validation = vector_view<std::uint8_t>(left_out, n, "validation_mask").data;
    T *b = written(coef), *averaged = average.is_none() ? nullptr : written(py::cast<py::array>(average));
    std::vector<SgdProblem<T>> problems;
    for (Index k = 0; k < count; ++k) {
        const double *at = numbers.data(k, 0), code = codes ? static_cast<double>(k) : -1;
        problems.push_back({b + k * p, averaged ? averaged + k * p : nullptr, at[0], at[1],
                            static_cast<std::uint32_t>(at[2]), at[3], at[4], code});
    }
    const auto results = [&problems] {
        py::list found;
        for (const auto& [w, a, c, ac, s, wp, wn, code, epochs, loss, objective, score, status] : problems)
            found.append(py::make_tuple(epochs, loss, objective, score, status_name(status), c, ac));
        return found;
    };
    SgdCalls<T> calls{{}, {}, copies};
    if (py::len(scores) > 0)
        calls.score = [&list = scores, p](Index k, const T* w, double intercept, double scale) {
            const py::gil_scoped_acquire hold;
            return py::cast<double>(list[k](py::array_t<T>(p, w), intercept, scale));
        };
    if (!epoch.is_none())
        calls.epoch = [&call = epoch, &results](Index) {
            const py::gil_scoped_acquire hold;
            return py::cast<bool>(call(results()));
        };
    {
        const py::gil_scoped_release release;
        const CallScope scope;
        o.threads = available_threads();
        train_sgd(x, data, problems, o, calls);
    }
    if (PyErr_Occurred() != nullptr) throw py::error_already_set();
    return results();
}

}  // namespace

void register_sgd(py::module_& m) {
    m.def("train_sgd", [](const py::object& x, const Data& arrays, const States& states, const Settings& settings,
                          const Functions& functions) {
        SgdOptions o;
        std::tie(o.loss, o.schedule, o.penalty) = std::get<0>(settings);
        std::tie(o.parameter, o.alpha, o.l1_ratio, o.eta0, o.power, o.tol, o.average) = std::get<1>(settings);
        std::tie(o.max_iter, o.patience, o.batch_size) = std::get<2>(settings);
        std::tie(o.fit_intercept, o.shuffle, o.early_stopping, o.one_class, o.follow) = std::get<3>(settings);
        const auto run = [&](const auto& matrix) { return train(matrix, arrays, states, o, functions); };
        return visit_matrix(x, run);
    });
}

}  // namespace mlcraft::bind
