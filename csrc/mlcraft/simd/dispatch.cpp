#include <cstdlib>
#include <cstring>

#include "mlcraft/simd/kernels.hpp"

namespace mlcraft::simd {

namespace baseline {
const KernelTable& table();
}
#ifdef MLCRAFT_HAVE_X86_LEVELS
namespace avx2 {
const KernelTable& table();
}
namespace avx512 {
const KernelTable& table();
}
#endif

namespace {

struct Choice {
    const KernelTable* table = &baseline::table();
    const char* levels[4] = {"baseline", nullptr, nullptr, nullptr};
};

Choice choose() {
    Choice choice;
    const char* asked = std::getenv("MLCRAFT_SIMD");
    const bool free_choice = asked == nullptr || *asked == '\0';
    (void)free_choice;
#ifdef MLCRAFT_HAVE_X86_LEVELS
    __builtin_cpu_init();
    int found = 1;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
        choice.levels[found++] = "avx2";
        if (free_choice || std::strcmp(asked, "baseline") != 0) choice.table = &avx2::table();
        if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
            __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw")) {
            choice.levels[found++] = "avx512";
            if (free_choice || (std::strcmp(asked, "baseline") != 0 && std::strcmp(asked, "avx2") != 0))
                choice.table = &avx512::table();
        }
    }
#endif
    return choice;
}

const Choice& chosen() {
    static const Choice choice = choose();
    return choice;
}

}  // namespace

const KernelTable& kernels() { return *chosen().table; }
const char* simd_level() { return chosen().table->name; }
const char* const* available_levels() { return chosen().levels; }

}  // namespace mlcraft::simd
