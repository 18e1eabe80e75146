#include "mlcraft/core/threads.hpp"

#include <pthread.h>

#include <atomic>
#include <chrono>

namespace mlcraft {
namespace {

std::atomic<int> calls_in_flight{0};
std::atomic<bool> threads_used{false};
std::atomic<bool> forked_after_use{false};
std::atomic<InterruptCheck> interrupt_check{nullptr};

void after_fork_in_child() {
    if (threads_used.load()) forked_after_use.store(true);
    calls_in_flight.store(0);
}

const int registered = pthread_atfork(nullptr, nullptr, after_fork_in_child);

std::int64_t now_nanoseconds() {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

}  // namespace

int available_threads() {
    (void)registered;
#ifdef _OPENMP
    if (forked_after_use.load()) return 1;
    if (omp_in_parallel()) return 1;
    int threads = omp_get_max_threads();
    const int limit = omp_get_num_procs();
    if (threads > 4 * limit) threads = 4 * limit;
    const int calls = calls_in_flight.load();
    if (calls > 1) threads /= calls;
    return threads < 1 ? 1 : threads;
#else
    return 1;
#endif
}

CallScope::CallScope() { calls_in_flight.fetch_add(1); }
CallScope::~CallScope() { calls_in_flight.fetch_sub(1); }

void note_threads_used() { threads_used.store(true, std::memory_order_relaxed); }

const char* threading_name() {
#ifdef _OPENMP
    return "OpenMP";
#else
    return "none";
#endif
}

void set_interrupt_check(InterruptCheck check) { interrupt_check.store(check); }

InterruptPoll::InterruptPoll() : next_(now_nanoseconds() + 40'000'000) {}

bool InterruptPoll::poll() {
    if (stopped_) return true;
    const std::int64_t now = now_nanoseconds();
    if (now < next_) return false;
    next_ = now + 40'000'000;
    const InterruptCheck check = interrupt_check.load();
    stopped_ = check != nullptr && check();
    return stopped_;
}

}  // namespace mlcraft
