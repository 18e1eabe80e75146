"""A report as a page, in a notebook and as axes; and from the command line."""

from __future__ import annotations

import csv
import importlib.util
import io
import json
import re
import warnings
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from mlcraft.evaluation import evaluate
from mlcraft.evaluation.report import Figure, Report, Section, Series, Table
from mlcraft.linear_model import LogisticRegression

matplotlib = pytest.importorskip("matplotlib")
NASTY = "<script>alert('$a_b$ & \"c\"')</script>"
VOID = {"meta", "link", "image", "br"}


class Elements(HTMLParser):
    """Every element with its attributes, and the text; elements must close in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(page)
        assert not self.open, self.open

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if tag in VOID:
            return
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] != ["style"]:
            self.text += data


def every_mark() -> tuple[Figure, ...]:
    x, y = (0.1, 1.0, 2.0), (1.0, 3.0, 2.0)
    ends = ((0.5, 2.0, 1.0), (1.5, 4.0, 3.0))
    names = ("one", NASTY, "three")
    marks = ("line", "steps", "points", "bars", "reference")
    numbers = tuple(Series(mark, mark, x, y, *(ends if mark != "reference" else ())) for mark in marks)
    classes = tuple(Series(mark, mark, names, y) for mark in ("points", "bars", "reference"))
    return (
        Figure("numbers", NASTY, "x", "y", numbers),
        Figure("logs", "Logs", "x", "y", numbers, x_log=True, y_log=True),
        Figure("names", "Names", "", "$y$", classes),
        Figure("rows", "Rows", "", "y", classes, horizontal=True),
        Figure("cloud", "Cloud", "x", "y", (Series("", "points", tuple(np.arange(3000.0)), (1.0,) * 3000),)),
        Figure("empty", "Empty", "x", "y", ()),
    )


def made(**given) -> Report:
    rows = (
        {"name": NASTY, "gain value": -0.5, "gain lower": -1.0, "gain upper": None, "p": 1e-9, "fit": True},
        {"name": "b", "gain value": 1e-7, "gain lower": None, "gain upper": None, "p": 0.25, "fit": None},
    )
    section = Section("one", NASTY, (NASTY,), (Table("t", NASTY, rows), Table("none", "None", ())), **given)
    return Report(NASTY, {"model": NASTY, "rows": 12345, "level": 0.95}, (section, Section("two", "Two", ("Said.",))))


def requests(page: str) -> list[str]:
    """What a browser would ask for: all but places in the page and data in it."""
    named = [
        value or ""
        for _, attributes in Elements(page).found
        for key, value in attributes.items()
        if key in ("src", "href", "xlink:href", "srcset", "poster", "action", "data")
    ]
    named += re.findall(r"url\(([^)]*)\)", page) + re.findall(r"@import[^;]*", page)
    return [name for name in named if not name.strip("'\"").startswith(("#", "data:"))]


def test_one_page_that_asks_for_nothing(tmp_path):
    page = made(figures=every_mark(), notes=(NASTY,), state="look").to_html(tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == page
    assert requests(page) == []
    assert len(page) < 2_000_000
    elements = Elements(page)
    assert not {"script", "iframe", "object", "form"} & {tag for tag, _ in elements.found}
    identifiers = [attributes["id"] for _, attributes in elements.found if "id" in attributes]
    assert len(identifiers) == len(set(identifiers))
    places = {attributes["href"] for tag, attributes in elements.found if tag == "a"}
    assert places == {"#section-one", "#section-two"}
    used = set(re.findall(r'url\(#([^)]+)\)|href="#([^"]+)"', page))
    assert {a or b for a, b in used} <= set(identifiers)


def test_names_are_written_as_they_are():
    page = made(figures=every_mark(), notes=(NASTY,)).to_html()
    assert "<script" not in page
    text = Elements(page).text
    assert text.count(NASTY) >= 6
    assert "<script>alert('$a_" in text.replace("…", "")  # on an axis, shortened


def test_a_phone_scrolls_tables_and_nothing_else():
    page = made().to_html()
    assert '<meta name="viewport" content="width=device-width,initial-scale=1">' in page
    elements = Elements(page).found
    for place, (tag, _) in enumerate(elements):
        if tag == "table":
            assert (elements[place - 1][1]["class"] or "").startswith("box")
    assert re.search(r"\.box\{overflow:auto;max-width:100%", page)
    assert "minmax(min(100%,480px),1fr)" in page
    assert re.search(r"figure svg\{display:block;width:100%", page)


def test_numbers_of_tables():
    text = made().to_html()
    assert '−0.5 <span class="ends">−1 to –</span>' in text
    assert ">1e−7<" in text
    assert "&lt; 0.0001" in text
    assert ">12,345<" in text
    assert ">yes<" in text


def test_figures_are_sound_and_the_same_every_time():
    from mlcraft.evaluation.report._drawing import svg_of

    for figure in every_mark():
        drawn = svg_of(figure, "a-")
        ET.fromstring(drawn)
        assert drawn == svg_of(figure, "a-")
        assert len(drawn) < 100_000


def test_plot_returns_axes():
    from matplotlib.figure import Figure as Canvas

    report = made(figures=every_mark())
    ax = Canvas().subplots()
    assert report.plot("numbers", ax) is ax
    assert ax.get_xlabel() == "x"
    assert len(ax.lines) >= 4
    with pytest.raises(KeyError, match="there are: numbers, logs"):
        report.plot("nothing")


def test_without_matplotlib_tables_remain(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    page = made(figures=every_mark()).to_html()
    assert "figures need matplotlib" in page
    assert "<table>" in page
    assert "<svg" not in page


def test_a_real_report_and_its_notebook_form():
    random = np.random.default_rng(0)
    X = random.standard_normal((400, 3))
    y = X[:, 0] + random.standard_normal(400) > 0
    model = LogisticRegression().fit(X[:200], y[:200])
    report = evaluate(model, X[200:], y[200:], train=(X[:200], y[:200]))
    page = report.to_html()
    assert requests(page) == []
    assert len(page) < 2_000_000
    assert page.count("<svg") == len(report.figures) > 0
    shown = report._repr_html_()
    assert shown.startswith('<div class="mlcraft-report">')
    rules = re.search(r"<style>(.*?)</style>", shown, re.DOTALL)
    assert rules is not None
    # nothing outside the report changes its look
    for selector in re.findall(r"(?:^|})\s*([^{}@]+)\{", re.sub(r"@media[^{]*\{", "}", rules[1])):
        assert all(part.strip().startswith(".mlcraft-report") for part in selector.split(",")), selector


def table(folder, n=400) -> str:
    """A table with two classes, a category with a comma in a name, dates and a gap."""
    pytest.importorskip("polars")
    random = np.random.default_rng(3)
    x, region = random.standard_normal(n), random.choice(["north", "south, far"], n)
    noise = random.logistic(size=n)
    frame = {
        "x": ["" if i % 50 == 0 else value for i, value in enumerate(x.tolist())],
        "region": region,
        "day": [f"2024-{1 + i % 12:02d}-{1 + i % 28:02d}" for i in range(n)],
        "place": np.arange(n) // 4 % 60,
        "kind": np.where(1.5 * x + (region == "north") + noise > 0, "yes, sir", "no"),
        "rich": (x + noise > 0).astype(int),
        "size": x + 0.5 * noise,
    }
    path = folder / "table.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([list(frame), *zip(*frame.values(), strict=True)])
    return str(path)


def call(*arguments: str):
    testing = pytest.importorskip("typer.testing")
    from mlcraft.cli.app import app

    return testing.CliRunner().invoke(app, list(arguments), env={"COLUMNS": "120"}, catch_exceptions=False)


@pytest.mark.parametrize(
    ("target", "options", "metric"), [("kind", (), "ROC AUC"), ("rich", ("--classify",), "ROC AUC"), ("size", (), "R2")]
)
def test_fit_evaluate_and_predict_from_the_command_line(tmp_path, target, options, metric):
    data, model = table(tmp_path), str(tmp_path / "model.mlc")
    others = [word for name in ("kind", "rich", "size") if name != target for word in ("--drop", name)]
    page = tmp_path / "fit.html"
    fitted = call("fit", data, "-t", target, *others, *options, "--save", model, "--report", str(page))
    assert fitted.exit_code == 0, fitted.output
    assert "Report written to" in fitted.output
    assert requests(page.read_text(encoding="utf-8")) == []
    assert metric in page.read_text(encoding="utf-8")
    pages = ("--report", str(tmp_path / "e.html"), "--json", str(tmp_path / "e.json"))
    judged = call("evaluate", model, data, "--slice", "region", "--groups", "place", "--level", "0.9", *pages)
    assert judged.exit_code == 0, judged.output
    assert metric in judged.output
    assert "90 %" in judged.output
    found = json.loads((tmp_path / "e.json").read_text(encoding="utf-8"))
    assert found["facts"]["rows"] == 400
    assert found["facts"]["groups"] == 60
    assert "south, far" in (tmp_path / "e.html").read_text(encoding="utf-8")
    said = call("predict", model, data)
    rows = list(csv.DictReader(io.StringIO(said.stdout)))
    assert len(rows) == 400
    if target == "kind":
        assert {row["prediction"] for row in rows} == {"yes, sir", "no"}


def test_what_evaluate_refuses(tmp_path):
    data, model = table(tmp_path), str(tmp_path / "model.mlc")
    call("fit", data, "-t", "kind", "--save", model)
    for arguments, message in (
        ((model, data, "-t", "nothing"), "there is no column 'nothing'"),
        ((model, data, "--slice", "regoin"), "there is no column 'regoin'"),
        ((model, data, "--weights", "region"), "does not hold numbers"),
        ((model, data, "--level", "95"), "between 0 and 1"),
        ((model, data, "-t", "region"), "not fitted to"),
        ((model, data, "--report", str(tmp_path / "none" / "a.html")), "there is no folder"),
        ((data, data), "model file"),
    ):
        result = call("evaluate", *arguments)
        assert result.exit_code == 2, (arguments, result.output)
        assert message in " ".join(result.output.split()), result.output


def test_the_example_writes_three_pages(tmp_path, monkeypatch, capsys):
    examples = Path(__file__).resolve().parent.parent / "examples"
    if not (examples.parents[1] / "shared" / "data" / "adult.parquet").exists():
        pytest.skip("shared data is not here")
    monkeypatch.syspath_prepend(str(examples))
    spec = importlib.util.spec_from_file_location("example_reports", examples / "reports.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module.main(str(tmp_path), 2500)
    assert capsys.readouterr().out.count("kB") == 3
    for name in ("adult", "housing", "claims"):
        page = (tmp_path / f"{name}.html").read_text(encoding="utf-8")
        assert requests(page) == []
        assert len(page) < 2_000_000
