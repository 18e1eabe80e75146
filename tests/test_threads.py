"""Threads: the same bits for any number of them, and no hang, crowd or stale state around them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest
import thread_cases
from threadpoolctl import threadpool_limits

import mlcraft
from mlcraft import _core

HERE = Path(__file__).parent
HAS_OPENMP = _core.threading == "OpenMP"
needs_threads = pytest.mark.skipif(not HAS_OPENMP, reason="built without OpenMP")
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")


def run(code: str, *, threads: int | None = None, timeout: float = 300) -> str:
    """Run a program in a process of its own, which may hang without taking the tests with it."""
    environment = dict(os.environ)
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(HERE), os.environ.get("PYTHONPATH")]))
    if threads is not None:
        environment["OMP_NUM_THREADS"] = str(threads)
    command = [sys.executable, "-c", textwrap.dedent(code)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=timeout, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def digests() -> dict[int, dict[str, str]]:
    """Digests of all cases, by the number of threads that OMP_NUM_THREADS asks for."""
    found = {}
    for threads in (1, 2, 3):
        told = json.loads(run((HERE / "thread_cases.py").read_text(encoding="utf-8"), threads=threads))
        assert told["threads"] == (threads if HAS_OPENMP else 1)
        found[threads] = told["digests"]
    return found


# Still through LAPACK, whose bits depend on its threads (where it has more than one).
LAPACK = "LAPACK's own threads"
OPEN = {"very_many_dependent_columns": LAPACK, "wide_dependent_rows": LAPACK}
CASES = [
    pytest.param(case, marks=pytest.mark.xfail(reason=OPEN[case], strict=False)) if case in OPEN else case
    for case in thread_cases.CASES
]


@pytest.mark.parametrize("case", CASES)
def test_same_bits_for_any_number_of_threads(case, digests):
    assert not digests[1][case].startswith("error")
    assert digests[1][case] == digests[2][case] == digests[3][case]


@pytest.mark.parametrize("case", ["ols", "weighted_many_columns", "nonnegative", "wide", "accelerated"])
def test_same_bits_under_threadpoolctl(case, digests):
    for limit in (1, 3):
        with threadpool_limits(limit):
            assert thread_cases.digest(case) == digests[2][case]


@needs_threads
def test_limits_of_threadpoolctl_are_obeyed():
    for limit in (1, 2, 3):
        with threadpool_limits(limit):
            assert _core.available_threads() == limit
        with threadpool_limits(limit, user_api="openmp"):
            assert _core.available_threads() == limit


@needs_threads
def test_absurd_numbers_of_threads_are_cut():
    code = "from mlcraft import _core; print(_core.available_threads())"
    assert int(run(code, threads=10_000)) <= 4 * (os.cpu_count() or 1)


JOBLIB_PROCESSES = """
    import thread_cases
    from joblib import Parallel, delayed

    names = ["ols", "ols_many_columns", "wide", "accelerated"]
    one_by_one = [thread_cases.digest(name) for name in names]
    together = Parallel(2, backend=BACKEND)(delayed(thread_cases.digest)(name) for name in names)
    print(together == one_by_one)
"""
JOBLIB_THREADS = """
    import thread_cases
    from joblib import Parallel, delayed
    from mlcraft._engine.least_squares import fit_least_squares

    def fit(X, y):
        return fit_least_squares(X, y).coef.tobytes()

    problems = [thread_cases.problem(*shape) for shape in [(40_000, 20), (3_000, 300), (300, 1_000)] * 4]
    one_by_one = [fit(*problem) for problem in problems]
    together = Parallel(4, backend="threading")(delayed(fit)(*problem) for problem in problems)
    print(together == one_by_one)
"""


@pytest.mark.parametrize("backend", ["loky", "threading", "multiprocessing"])
def test_joblib_neither_hangs_nor_changes_results(backend):
    code = JOBLIB_THREADS if backend == "threading" else JOBLIB_PROCESSES.replace("BACKEND", repr(backend))
    assert run(code, threads=2).strip() == "True"


@needs_threads
def test_joblib_workers_share_the_machine():
    code = """
        from joblib import Parallel, delayed
        from mlcraft import _core

        counts = Parallel(2, backend="loky")(delayed(_core.available_threads)() for _ in range(4))
        print(max(counts))
    """
    environment = os.environ.pop("OMP_NUM_THREADS", None)  # joblib shares the cores out unless this is set
    try:
        assert int(run(code)) <= max(1, (os.cpu_count() or 1) // 2)
    finally:
        if environment is not None:
            os.environ["OMP_NUM_THREADS"] = environment


FORK = """
    import os
    import warnings

    import thread_cases
    from mlcraft import _core

    warnings.simplefilter("ignore", DeprecationWarning)  # of Python 3.12, on forks of threads
    names = ["ols", "ols_many_columns", "wide", "accelerated", "predictions"]
    expected = [thread_cases.digest(name) for name in names]  # starts threads
    child = os.fork()
    if child == 0:
        same = [thread_cases.digest(name) for name in names] == expected
        os._exit(0 if same and _core.available_threads() == 1 else 1)
    _, status = os.waitpid(child, 0)
    again = [thread_cases.digest(name) for name in names] == expected
    print(os.waitstatus_to_exitcode(status), again)
"""


@needs_fork
def test_fork_after_threads_were_used():
    assert run(FORK, threads=2, timeout=120).split() == ["0", "True"]


@needs_fork
def test_fork_before_threads_are_used():
    code = """
        import os

        import thread_cases

        child = os.fork()  # no threads of ours yet: the child may use all of them
        if child == 0:
            print(thread_cases.digest("ols"), flush=True)
            os._exit(0)
        os.waitpid(child, 0)
        print(thread_cases.digest("ols"))
    """
    child, parent = run(code, threads=2, timeout=120).split()
    assert child == parent


INTERRUPT = """
    import os
    import signal
    import sys
    import threading
    import time
    import warnings

    import numpy as np
    import sklearn.utils.validation  # what solve() imports must not be what is interrupted

    from mlcraft import _core, solve
    from mlcraft._engine.least_squares import fit_least_squares

    warnings.simplefilter("ignore")
    rng = np.random.default_rng(0)
    x = np.linspace(1.0, 2.0, 100_000)
    X = np.vander(x, 7, increasing=True)[:, 1:]  # so badly conditioned that gradient descent never gets there
    y = X[:, 0] + rng.standard_normal(len(x))
    before = fit_least_squares(X, y).coef.tobytes()
    sent = []

    def send():
        sent.append(time.perf_counter())
        os.kill(os.getpid(), signal.SIGINT)

    def delay(solver):
        timer = threading.Timer(0.3, send)
        timer.start()
        found = solve(X, y, loss="squared", solver=solver, max_iter=10**6, tol=0.0)
        late = time.perf_counter() - sent[-1]
        if found.status != "interrupted" or not np.isfinite(found.coef).all():
            sys.exit(f"the fit ended as {found.status}")
        time.sleep(2.1)  # another Ctrl-C so soon would raise
        assert _core.available_threads() == 2, "a call is still counted as running"
        assert fit_least_squares(X, y).coef.tobytes() == before
        return late

    for solver in ("gd", "nesterov"):
        print(min(delay(solver) for _ in range(3)))  # a busy machine may be late once
    found = solve(X, y, loss="squared", solver="gd", max_iter=10, tol=0.0)
    assert found.n_iter == 10 and np.isfinite(found.coef).all()
"""


@pytest.mark.skipif(os.name == "nt", reason="signals work differently there")
@needs_threads
def test_interrupt_stops_a_long_fit_and_leaves_no_damage():
    delays = [float(line) for line in run(INTERRUPT, threads=2, timeout=120).split()]
    assert len(delays) == 2
    assert max(delays) < 0.5


def test_results_of_concurrent_calls_are_their_own():
    code = """
        import threading

        import thread_cases
        from mlcraft._engine.least_squares import fit_least_squares

        problems = [thread_cases.problem(5_000 + 997 * i, 10 + 30 * (i % 4)) for i in range(8)]
        expected = [fit_least_squares(*problem).coef.tobytes() for problem in problems]
        wrong = []

        def work(i):
            for _ in range(5):
                if fit_least_squares(*problems[i]).coef.tobytes() != expected[i]:
                    wrong.append(i)

        workers = [threading.Thread(target=work, args=(i,)) for i in range(len(problems))]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        print(wrong)
    """
    assert run(code, threads=2).strip() == "[]"


def test_engine_setting_belongs_to_its_thread():
    seen: list[str] = []
    with mlcraft.config_context(engine="numba"):
        other = threading.Thread(target=lambda: seen.append(mlcraft.get_config()["engine"]))
        other.start()
        other.join()
        assert mlcraft.get_config()["engine"] == "numba"
    assert seen == ["cpp"]
    assert mlcraft.get_config()["engine"] == "cpp"
