"""``mlcraft bench``: the problem it makes of a table, the race, the report and the files."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pl = pytest.importorskip("polars")
pytest.importorskip("rich")
testing = pytest.importorskip("typer.testing")

from mlcraft.cli import bench  # noqa: E402
from mlcraft.cli.app import app  # noqa: E402
from mlcraft.cli.bench import BenchOptions, run_bench  # noqa: E402
from mlcraft.cli.bench_problem import LOSSES, optimum, read_task  # noqa: E402
from mlcraft.cli.errors import CommandError  # noqa: E402


def call(*arguments: str, width: int = 100, text: str | None = None) -> Any:
    runner = testing.CliRunner()
    return runner.invoke(app, ["bench", *arguments], env={"COLUMNS": str(width)}, input=text, catch_exceptions=False)


def refused(*arguments: str, text: str | None = None) -> str:
    """Run a command that must end with exit code 2, one line of error and nothing else."""
    result = call(*arguments, text=text)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    return str(result.stderr)


@pytest.fixture(scope="module")
def flowers(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A table with a target for every loss."""
    rng = np.random.default_rng(3)
    n = 300
    size, colour = rng.normal(5, 2, n), rng.choice(["red", "blue", "white"], n)
    eta = 0.5 * (size - 5) + (colour == "red") + 0.7 * rng.normal(size=n)
    frame = pl.DataFrame(
        {
            "size": size,
            "colour": colour,
            "age": rng.integers(1, 30, n),
            "height": [None if row == 7 else float(value) for row, value in enumerate(eta)],
            "sold": eta > 0.3,
            "kind": np.array(["rose", "tulip", "lily"])[np.digitize(eta, [-0.5, 0.8])],
            "petals": rng.poisson(np.exp(0.4 * eta)),
            "garden": ["one"] * n,
        }
    )
    path = tmp_path_factory.mktemp("bench") / "flowers.csv"
    frame.write_csv(path)
    return str(path)


CASES = {
    "squared": ("height", ["--drop", "sold", "--drop", "kind"]),
    "logistic": ("sold", ["--drop", "height", "--drop", "kind"]),
    "multinomial": ("kind", ["--drop", "height", "--drop", "sold"]),
    "squared_hinge": ("sold", ["--loss", "squared_hinge", "--drop", "height", "--drop", "kind"]),
    "poisson": ("petals", ["--loss", "poisson", "--drop", "kind"]),
}


@pytest.mark.parametrize("loss", LOSSES)
def test_race_of_every_loss(flowers: str, loss: str, tmp_path: Path) -> None:
    target, options = CASES[loss]
    file = tmp_path / "race.json"
    some = [part for name in ("auto", "newton", "lbfgs", "scikit-learn") for part in ("-s", name)]
    result = call(flowers, "-t", target, *options, *some, "--json", str(file), "--seconds", "20", width=120)
    assert (result.exit_code, result.stderr) == (0, "")
    race = json.loads(file.read_text())
    assert race["loss"] == loss
    assert race["optimum"]["left"] < 1e-9
    assert race["machine"]["cores"] >= 1
    assert "mlcraft" in race["machine"]["versions"]
    assert {"auto", "newton", "lbfgs"} <= {solver["name"] for solver in race["solvers"]}
    for solver in race["solvers"]:
        assert solver["seconds"] > 0, solver["remark"]
        gaps = [run["gap"] for run in solver["runs"] if run["gap"] is not None]
        assert min(gaps) <= 1e-6
        assert min(gaps) > -1e-12, "nobody is better than the optimum"
    assert re.search(r"^\S.* is first: [\d.]+ .?s\.", result.stdout, re.MULTILINE)
    for racer in race["solvers"]:
        assert re.search(rf"^{racer['name']}( \([a-z-]+\))? +[\d.]+ .?s", result.stdout, re.MULTILINE)


def test_without_data_it_takes_the_shipped_table() -> None:
    result = call("-s", "direct", "-s", "newton", "--seconds", "2", width=140)
    assert (result.exit_code, result.stderr) == (0, "")
    assert (
        "California housing, 1990 census (ships with mlcraft): 20,640 rows, 10 columns, 13 after encoding"
        in result.stdout
    )
    assert "median_house_value: least squares" in result.stdout
    assert "from mlcraft import solve; solve(X, y, loss='squared', alpha=4.84496e-05, solver=" in result.stdout


@pytest.mark.parametrize("loss", LOSSES)
def test_optimum_is_one(flowers: str, loss: str) -> None:
    """Newton from anywhere near finds the value at which moves in any direction cost."""
    task = read_task(flowers, CASES[loss][0], loss=loss, alpha=0.01, drop={"height", "sold", "kind"} - {CASES[loss][0]})
    start = np.zeros((task.outputs, task.X.shape[1]))
    value, left = optimum(task, start, np.zeros(task.outputs))
    assert left < 1e-12
    assert value < task.null_value()
    assert task.null_value() <= task.objective(start, np.full(task.outputs, 0.3)) + 1e-12
    rng = np.random.default_rng(0)
    for _ in range(20):
        trial = task.objective(rng.normal(0, 0.3, start.shape), rng.normal(0, 0.3, task.outputs))
        assert trial >= value


def test_slopes_are_derivatives(flowers: str) -> None:
    rng = np.random.default_rng(0)
    for loss in LOSSES:
        task = read_task(flowers, CASES[loss][0], loss=loss)
        eta = rng.normal(0, 0.8, (len(task.y), task.outputs))
        direction, h = rng.normal(size=eta.shape), 1e-6
        gradient, curve = task.slopes(eta)
        slope = (task.losses(eta + h * direction) - task.losses(eta - h * direction)) / (2 * h)
        np.testing.assert_allclose(np.sum(gradient * direction, axis=1), slope, atol=1e-7)
        bend = (task.slopes(eta + h * direction)[0] - task.slopes(eta - h * direction)[0]) / (2 * h)
        np.testing.assert_allclose(curve(direction), bend, atol=1e-6)


def test_rows_without_a_target_are_left_out(flowers: str) -> None:
    task = read_task(flowers, "height")
    assert task.X.shape[0] == 299
    assert task.remarks == ("1 row without a value of 'height' left out",)
    np.testing.assert_allclose(task.X.std(axis=0), 1.0)
    np.testing.assert_allclose(task.X.mean(axis=0), 0.0, atol=1e-12)


def test_a_gap_that_is_not_reached_is_said(flowers: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "_MOST_LEVELS", 2)
    result = run_bench(BenchOptions(flowers, "sold", solvers=["gd"], gap=1e-12, drop=["height", "kind"]))
    racer = result.racers[0]
    assert np.isnan(racer.seconds)
    assert racer.remark == "ends before"
    out = call(flowers, "-t", "sold", "-s", "gd", "--gap", "1e-12", "--drop", "height").stdout
    assert "No solver came within 1e-12" in out


def test_figure(flowers: str, tmp_path: Path) -> None:
    image = pytest.importorskip("matplotlib.image")
    file = tmp_path / "race.png"
    result = call(flowers, "-t", "sold", "-s", "newton", "-s", "lbfgs", "--figure", str(file), "--seconds", "0.5")
    assert (result.exit_code, result.stderr) == (0, "")
    assert f"Wrote {file}" in "".join(result.stdout.splitlines())
    assert image.imread(file).shape[1] >= 900
    assert "cannot write" in refused(flowers, "-t", "sold", "--figure", str(tmp_path / "nowhere" / "race.png"))


@pytest.mark.parametrize("width", [52, 80, 200])
def test_no_line_is_too_long(flowers: str, width: int) -> None:
    out = call(flowers, "-t", "sold", "-s", "newton", "-s", "scikit-learn", "--seconds", "0.5", width=width).stdout
    assert max(map(len, out.splitlines())) <= width
    assert "newton" in out


def test_refusals(flowers: str, tmp_path: Path) -> None:
    assert "say which column to predict with --target" in refused(flowers)
    assert "did you mean 'height'" in refused(flowers, "-t", "heigth")
    assert "'garden' is constant (one in every row)" in refused(flowers, "-t", "garden")
    assert "'nonsense' is none of 'squared', 'logistic'" in refused(flowers, "-t", "sold", "--loss", "nonsense")
    assert "'direct' does not solve logistic with an L2 penalty; these do: 'auto'" in refused(
        flowers, "-t", "sold", "-s", "direct"
    )
    assert "needs numbers, but the target 'kind' holds text" in refused(flowers, "-t", "kind", "--loss", "squared")
    assert "needs counts, but 'height' goes down to" in refused(flowers, "-t", "height", "--loss", "poisson")
    assert "needs two classes, but 'kind' has 3" in refused(flowers, "-t", "kind", "--loss", "logistic")
    assert "50 classes are the most" in refused(flowers, "-t", "size", "--loss", "multinomial")
    assert "there is no file" in refused(str(tmp_path / "absent.csv"), "-t", "a")
    assert "--drop: there is no column 'nothing'" in refused(flowers, "-t", "sold", "--drop", "nothing")
    assert "no usable column is left" in refused(
        "-", "-t", "b", text="a,b\n" + "\n".join(f"1,{i % 3}" for i in range(20))
    )
    with pytest.raises(CommandError, match="too few rows"):
        read_task(_csv(tmp_path, "a,b\n1,2\n2,3\n"), "b")


def _csv(folder: Path, text: str) -> str:
    path = folder / "table.csv"
    path.write_text(text)
    return str(path)
