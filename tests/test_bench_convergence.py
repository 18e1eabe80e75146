"""The convergence benchmark: its own losses and optima, its registry, and a run from end to end."""

from __future__ import annotations

import csv
import importlib
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse
from scipy.optimize import linprog

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.append(str(ROOT))  # last: the installed package comes before the bare folder

from benchmarks import limits  # noqa: E402
from benchmarks.convergence import command, figures, libraries, library, problems, report  # noqa: E402
from benchmarks.convergence.__main__ import main  # noqa: E402
from benchmarks.convergence.objective import LOSSES, Problem  # noqa: E402
from benchmarks.convergence.reference import reference  # noqa: E402
from benchmarks.convergence.run import Curve, Point, Settings, run, stagnant  # noqa: E402

PARAMETERS = {"huber": 0.7, "squared_epsilon_insensitive": 0.3, "quantile": 0.8}


def small(loss: str, n: int = 80, p: int = 6, seed: int = 0, **options: object) -> Problem:
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, p))
    eta = X @ rng.standard_normal(p) + 0.5 * rng.standard_normal(n)
    y = eta
    if loss == "multinomial":
        y = np.digitize(eta, [-1.0, 1.0]).astype(np.int64)
    elif loss == "poisson":
        y = rng.poisson(np.exp(np.clip(eta, -3, 2))).astype(float)
    elif LOSSES[loss].classification:
        y = np.where(eta > 0, 1.0, 0.0 if loss == "logistic" else -1.0)
        y[:8] = y[:8][::-1]
    weight = rng.gamma(2.0, 1.0, n) if options.pop("weighted", False) else None
    options.setdefault("l2", 0.05)
    return Problem(loss, loss, X, y, loss, parameter=PARAMETERS.get(loss, 0.0), sample_weight=weight, **options)


@pytest.mark.parametrize("name", LOSSES)
def test_derivatives_of_the_losses(name):
    problem = small(name)
    eta, y, s, h = problem.X[:, 0] * 2, problem.y, problem.parameter, 1e-6
    loss = LOSSES[name]
    slope = (loss.value(y, eta + h, s) - loss.value(y, eta - h, s)) / (2 * h)
    np.testing.assert_allclose(loss.gradient(y, eta, s), slope, atol=1e-7, rtol=1e-7)
    if loss.hessian is not None:
        bend = (loss.gradient(y, eta + h, s) - loss.gradient(y, eta - h, s)) / (2 * h)
        np.testing.assert_allclose(loss.hessian(y, eta, s), bend, atol=1e-7, rtol=1e-6)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", [*LOSSES, "multinomial"])
def test_reference_is_the_optimum(name, weighted):
    problem = small(name, weighted=weighted)
    best = reference(problem)
    assert best.certificate < 1e-9
    assert best.gap(best.null) == 1.0
    rng = np.random.default_rng(1)
    for size in (1e-1, 1e-3):
        coef = best.coef + size * rng.standard_normal(best.coef.shape)
        assert problem.objective(coef, best.intercept) > best.value
        assert (
            problem.objective(best.coef, np.asarray(best.intercept) + size) > best.value - 1e-12
            or name == "multinomial"
        )


@pytest.mark.parametrize("name", ["squared", "logistic"])
@pytest.mark.parametrize("l2", [0.0, 0.02])
def test_reference_with_l1_satisfies_the_conditions(name, l2):
    problem = small(name, n=60, p=100, l1=0.05, l2=l2)
    best = reference(problem)
    assert best.certificate < 1e-9
    pull = problem.share * LOSSES[name].gradient(problem.y, problem.eta(best.coef, best.intercept), 0.0)
    gradient = problem.X.T @ pull + l2 * best.coef
    on = best.coef != 0
    assert 0 < on.sum() < 80
    np.testing.assert_allclose(gradient[on], -0.05 * np.sign(best.coef[on]), atol=1e-6)
    assert np.abs(gradient[~on]).max() <= 0.05 + 1e-6
    assert abs(pull.sum()) < 1e-7


def test_reference_of_the_quantile_tends_to_the_linear_program():
    problem = replace(small("quantile"), l2=1e-9)
    X, y, q, n = problem.X, problem.y, 0.8, 80
    design = np.column_stack([X, np.ones(n)])
    cost = np.concatenate([np.zeros(7), np.full(n, q / n), np.full(n, (1 - q) / n)])
    equal = np.hstack([design, np.eye(n), -np.eye(n)])
    program = linprog(cost, A_eq=equal, b_eq=y, bounds=[(None, None)] * 7 + [(0, None)] * 2 * n)
    assert reference(problem).value == pytest.approx(program.fun, abs=1e-7)


@pytest.mark.parametrize("name", ["squared", "logistic", "squared_hinge", "hinge"])
def test_sparse_and_dense_have_one_optimum(name):
    problem = small(name, fit_intercept=False)
    problem.X[np.abs(problem.X) < 0.5] = 0.0
    same = replace(problem, X=sparse.csr_matrix(problem.X))
    assert reference(same).value == pytest.approx(reference(problem).value, rel=1e-8)
    other = replace(problem, X=sparse.csr_matrix(np.tile(problem.X, 300)))  # too wide for a factorised Hessian
    if name != "hinge":
        wide = replace(problem, l2=problem.l2 / 300)
        assert reference(replace(other, l2=problem.l2)).value == pytest.approx(reference(wide).value, rel=1e-7)


# --- the registry ---------------------------------------------------------------------------------


def test_libraries_are_short_and_complete():
    known = library.known_libraries()
    assert next(iter(known)) == "mlcraft"
    assert {"mlcraft", "scikit_learn", "liblinear", "celer", "skglm", "glum", "statsmodels", "intelex"} <= set(known)
    assert len({entry.colour for entry in known.values()}) == len(known), "each library has a colour of its own"
    for key in known:
        module = importlib.import_module(f"benchmarks.convergence.libraries.{key}")
        assert len(Path(module.__file__).read_text(encoding="utf-8").splitlines()) < 100


def test_library_that_is_not_there_is_skipped_by_name():
    absent = library.Library("absent", "Absent", "#000000", "no_such_package", "no-such-package", lambda problem: [])
    assert absent.missing() == "not installed"


TOY = """
import numpy as np
from benchmarks.convergence.library import Fit, Solver

NAME, COLOUR = "toy", "#123456"
PACKAGE = DISTRIBUTION = "numpy"


def solvers(problem):
    def least_squares(level):
        ones = np.ones((len(problem.y), 1))
        found = np.linalg.lstsq(np.hstack([problem.X, ones]), problem.y, rcond=None)[0]
        return Fit(found[:-1], found[-1], iterations=1, ended=True)

    def boasts(level):
        return Fit(np.zeros(problem.X.shape[1]), float(problem.y.mean()), passes=level)

    def breaks(level):
        raise RuntimeError("out of order")

    return [Solver("lstsq", least_squares), Solver("boasts", boasts, counted=True), Solver("breaks", breaks)]
"""


def test_a_new_library_is_one_file_and_is_judged_by_its_coefficients(tmp_path, monkeypatch):
    (tmp_path / "toy.py").write_text(TOY, encoding="utf-8")
    monkeypatch.setattr(libraries, "__path__", [*libraries.__path__, str(tmp_path)])
    monkeypatch.setattr(limits, "_numba_sum", lambda: None)
    known = library.known_libraries()
    assert known["toy"].name == "toy"
    settings = Settings(cap=1.0, budget=0.1, repeats=1, quick=True)
    problem = small("squared", n=200, l2=0.0)
    data = run([("squared", lambda: problem)], {"toy": known["toy"]}, settings)
    curves = {curve["solver"]: curve for curve in data["problems"][0]["curves"]}
    assert [point["gap"] < 1e-9 for point in curves["lstsq"]["points"]] == [True]
    assert {round(point["gap"], 9) for point in curves["boasts"]["points"]} == {1.0}
    assert curves["breaks"]["points"] == []
    assert curves["breaks"]["remark"] == "RuntimeError: out of order"
    table = report.problem_table(data["problems"][0], 1e-6)
    assert [row[0] for row in table.rows] == ["toy lstsq", "toy boasts", "toy breaks"]
    sys.modules.pop("benchmarks.convergence.libraries.toy")


@pytest.mark.parametrize(
    ("knob", "levels", "gaps", "expected"),
    [
        ("iterations", [1, 2, 4, 8], [1e-4, 1e-4, 1e-4, 1e-4], True),
        ("iterations", [1, 2, 4, 8], [1e-4, 1e-5, 1e-5, 1e-5], False),
        ("iterations", [1, 8, 64, 512], [0.9, 0.9, 0.9, 0.9], False),  # a slow starter
        ("iterations", [1, 8, 512, 4096], [0.9, 0.9, 0.9, 0.9], True),
        ("tolerance", [1.0, 0.1, 1e-2, 1e-3], [1e-2, 1e-2, 1e-2, 1e-2], False),
        ("tolerance", [1.0, 0.1, 1e-2, 1e-3, 1e-4], [1e-2] * 5, True),
    ],
)
def test_a_curve_ends_where_nothing_more_comes(knob, levels, gaps, expected):
    curve = Curve(library.known_libraries()["mlcraft"], library.Solver("a", lambda level: None, knob))
    for level, gap in zip(levels, gaps, strict=True):
        curve.points.append(Point(level, 0.1, 1.0, gap, 1.0, 1.0))
    assert stagnant(curve) is expected


def test_problems_are_chosen_by_name():
    assert [entry.name for entry in problems.choose(["lasso_housing", "ridge_housing"])] == [
        "lasso_housing",
        "ridge_housing",
    ]
    with pytest.raises(ValueError, match="no problem nonsense; there are: ridge_ailerons"):
        problems.choose(["nonsense"])


def test_without_the_data_folder_the_problems_that_ship_are_left(monkeypatch):
    monkeypatch.setattr(problems, "shared_loader", lambda: None)
    chosen = problems.choose()
    assert {"ridge_housing", "logistic_housing", "lasso_housing", "multinomial_pixels"} <= {e.name for e in chosen}
    assert not any(entry.data for entry in chosen)
    with pytest.raises(ValueError, match="logistic_adult needs adult"):
        problems.choose(["logistic_adult"])


# --- a run ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A quick run of two problems, written to a folder."""
    folder = tmp_path_factory.mktemp("convergence")
    patch = pytest.MonkeyPatch()
    patch.setattr(command, "ROWS_OF_A_QUICK_LOOK", 400)
    patch.setattr(limits, "_numba_sum", lambda: None)  # its compiler takes seconds
    chosen = ["--problems", "logistic_housing", "lasso_housing", "--libraries", "mlcraft", "scikit_learn"]
    names = ["auto", "newton", "lbfgs", "fista", "newton-cholesky", "cd"]
    options = ["--quick", "--cap", "30", "--budget", "0.2", "--no-figures", "--out", str(folder)]
    try:
        assert main([*chosen, "--solvers", *names, *options]) == 0
    finally:
        patch.undo()
    return folder


def test_run_says_everything(finished):
    data = json.loads((finished / "convergence.json").read_text())
    assert data["versions"].keys() >= {"mlcraft", "scikit-learn", "numpy"}
    assert data["threads"]["cores"] >= 1
    assert "cores" in data["machine"]
    for problem in data["problems"]:
        assert problem["rows"] == 400
        assert problem["limits"]["bytes_per_second"] > 0
        assert problem["reference"]["certificate"] < 1e-9
        assert {curve["library"] for curve in problem["curves"]} == {"mlcraft", "scikit-learn"}
        for curve in problem["curves"]:
            gaps = [point["gap"] for point in curve["points"]]
            assert gaps, curve["remark"]
            assert min(gaps) < 1e-6
            assert min(gaps) > -1e-9, "nobody is better than the optimum"
            assert all(len(point["samples"]) >= 1 for point in curve["points"])


def test_csv_has_a_row_for_each_point(finished):
    data = report.read(finished)
    with (finished / "convergence.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == sum(len(curve["points"]) for problem in data["problems"] for curve in problem["curves"])
    assert {line["problem"] for line in lines} == {"logistic_housing", "lasso_housing"}
    assert all(float(line["seconds"]) > 0 for line in lines)


def test_report_is_made_again_from_the_data(finished, tmp_path, capsys):
    assert main(["--report", str(finished), "--out", str(tmp_path), "--no-figures"]) == 0
    for name in ("convergence.json", "convergence.csv", "convergence.md"):
        assert (tmp_path / name).read_text() == (finished / name).read_text()
    shown = capsys.readouterr().out
    for word in ("mlcraft auto", "Versions: mlcraft", "Threads:", "Limits in this run", "known to"):
        assert word in shown
    (tmp_path / "convergence.json").write_text("{}")
    assert main(["--report", str(tmp_path)]) == 2


def test_figures(finished, tmp_path):
    image = pytest.importorskip("matplotlib.image")
    data = report.read(finished)
    drawn = figures.draw_all(data, tmp_path)
    assert [path.name for path in drawn] == ["logistic_housing.png", "lasso_housing.png"]
    for path in drawn:
        pixels = image.imread(path)
        assert pixels.shape[1] >= 900
        assert pixels.std() > 0.05


def test_wrong_names_are_refused(capsys):
    assert main(["--libraries", "nonsense"]) == 2
    assert "no library nonsense; there are: mlcraft" in capsys.readouterr().err
    assert main(["--problems", "nonsense"]) == 2
    assert main(["--list"]) == 0
    assert "scikit_learn" in capsys.readouterr().out
