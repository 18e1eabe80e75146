#include "arrays.hpp"
#include "mlcraft/core/lapack.hpp"
#include "mlcraft/simd/bandwidth.hpp"

namespace mlcraft::bind {
namespace {

// Runs the signal handlers; true when one of them (Ctrl-C) raised. The error stays set for the caller to throw.
bool interrupted() {
    const py::gil_scoped_acquire gil;
    return PyErr_CheckSignals() != 0;
}

template <class Function>
void load(Function*& slot, const py::dict& capsules, const char* name) {
    const auto capsule = py::cast<py::object>(capsules[name]);
    slot = reinterpret_cast<Function*>(PyCapsule_GetPointer(capsule.ptr(), PyCapsule_GetName(capsule.ptr())));
    if (slot == nullptr) throw py::error_already_set();
}

void load_lapack() {
    const py::dict capsules = py::module_::import("scipy.linalg.cython_lapack").attr("__pyx_capi__");
    load(lapack().geqrf, capsules, "dgeqrf");
    load(lapack().geqp3, capsules, "dgeqp3");
    load(lapack().ormqr, capsules, "dormqr");
    load(lapack().trtrs, capsules, "dtrtrs");
    load(lapack().syevd, capsules, "dsyevd");
}

double read_bandwidth_probe(const py::array& x) {
    if (!(x.flags() & py::array::c_style)) throw py::value_error("x must be contiguous");
    if (!has_type<double>(x) && !has_type<float>(x)) throw py::type_error("x must be float32 or float64");
    const bool wide = has_type<double>(x);
    const void* data = x.data();
    const Index size = x.size();
    const py::gil_scoped_release release;
    const CallScope scope;
    const int threads = available_threads();
    return wide ? simd::sum_of_all(static_cast<const double*>(data), size, threads, simd::kernels().f64.sum)
                : simd::sum_of_all(static_cast<const float*>(data), size, threads, simd::kernels().f32.sum);
}

}  // namespace

void register_system(py::module_& m) {
    set_interrupt_check(interrupted);
    load_lapack();
    m.attr("__version__") = MLCRAFT_VERSION;
    m.attr("compiler") = MLCRAFT_COMPILER;
    m.attr("build_type") = MLCRAFT_BUILD_TYPE;
    m.attr("threading") = threading_name();
    m.attr("simd_level") = simd::simd_level();
    std::vector<std::string> levels;
    for (const char* const* level = simd::available_levels(); *level != nullptr; ++level) levels.emplace_back(*level);
    m.attr("simd_levels") = py::tuple(py::cast(levels));
    m.def("available_threads", [] { return available_threads(); }, "Threads that a call may use now.");
    m.def("read_bandwidth_probe", &read_bandwidth_probe, py::arg("x"),
          "Sum of a contiguous array with all threads: the cheapest pass over memory.");
}

}  // namespace mlcraft::bind
