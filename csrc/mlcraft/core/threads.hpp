// Threads: how many, and the two ways in which the library uses them. Results never depend on the number of
// threads: work is cut into tasks by the problem's size alone, and whoever runs a task does the same arithmetic.
#pragma once

#include <algorithm>
#include <cstdint>

#include "mlcraft/core/types.hpp"

#ifdef _OPENMP
#include <omp.h>
#endif

namespace mlcraft {

// Threads that a call may use now: OpenMP's setting of the calling thread (OMP_NUM_THREADS, threadpoolctl), shared
// among the calls in flight, and one in a process forked from one that had already used threads (libgomp hangs there).
int available_threads();

// Into how many lanes a sum over n rows is cut. Each lane has its own sums, which are added in order: by n alone, so
// that the bits do not depend on the number of threads.
inline Index sum_lanes(Index n) { return std::clamp<Index>(n / 4096, 1, 64); }

// The same, but one thread for work too small to share: below about half a millisecond a second thread can only lose.
inline int threads_for(double operations) { return operations < 8e6 ? 1 : available_threads(); }

// Remembers that a team of threads was started, and counts the calls in flight.
class CallScope {
public:
    CallScope();
    ~CallScope();
    CallScope(const CallScope&) = delete;
    CallScope& operator=(const CallScope&) = delete;
};

void note_threads_used();
const char* threading_name();

// Asked now and then by the thread that made the call; true ends the computation with Status::interrupted.
using InterruptCheck = bool (*)();
void set_interrupt_check(InterruptCheck check);

// Polls the interrupt check at most every few hundredths of a second.
class InterruptPoll {
public:
    InterruptPoll();
    bool poll();  // from the calling thread only
    bool stopped() const { return stopped_; }

private:
    std::int64_t next_;
    bool stopped_ = false;
};

// Runs body(task) for task = 0 .. tasks-1, in any order, on up to `threads` threads.
template <class Body>
void parallel_tasks(Index tasks, int threads, Body&& body) {
#ifdef _OPENMP
    if (threads > 1 && tasks > 1) {
        note_threads_used();
        const int team = static_cast<int>(tasks < threads ? tasks : threads);
#pragma omp parallel for schedule(dynamic, 1) num_threads(team)
        for (Index task = 0; task < tasks; ++task) body(task);
        return;
    }
#endif
    (void)threads;
    for (Index task = 0; task < tasks; ++task) body(task);
}

// Runs rounds 0 .. rounds-1, each with two phases of tasks; a phase ends before the next begins. Thread 0, which made
// the call, asks `stop()` before each round.
template <class CountA, class PhaseA, class CountB, class PhaseB, class Stop>
void parallel_rounds(Index rounds, int threads, CountA&& count_a, PhaseA&& phase_a, CountB&& count_b, PhaseB&& phase_b,
                     Stop&& stop) {
#ifdef _OPENMP
    if (threads > 1) {
        note_threads_used();
        bool stopped = false;
#pragma omp parallel num_threads(threads)
        for (Index round = 0; round < rounds; ++round) {
            if (omp_get_thread_num() == 0) stopped = stop();
            const Index tasks_a = count_a(round);
#pragma omp for schedule(static, 1)
            for (Index task = 0; task < tasks_a; ++task) phase_a(round, task);
            if (stopped) break;
            const Index tasks_b = count_b(round);
#pragma omp for schedule(dynamic, 1)
            for (Index task = 0; task < tasks_b; ++task) phase_b(round, task);
        }
        return;
    }
#endif
    (void)threads;
    for (Index round = 0; round < rounds; ++round) {
        if (stop()) return;
        const Index tasks_a = count_a(round);
        for (Index task = 0; task < tasks_a; ++task) phase_a(round, task);
        const Index tasks_b = count_b(round);
        for (Index task = 0; task < tasks_b; ++task) phase_b(round, task);
    }
}

}  // namespace mlcraft
