"""A report as a page: one file, no request to anywhere, legible on a desk and on a phone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from mlcraft.evaluation.report._section import Cell, Figure, Section, Table

if TYPE_CHECKING:
    from mlcraft.evaluation.report._report import Report

__all__ = ["fragment", "page"]

# All rules begin with .mlcraft-report, so that in a notebook nothing else changes.
CSS = """
.mlcraft-report{color-scheme:light;background:#fff;color:#222;font:15px/1.5 system-ui,-apple-system,"Segoe UI",
Roboto,"Noto Sans",sans-serif;max-width:1180px;margin:0 auto;padding:20px 28px 48px;box-sizing:border-box;
overflow-wrap:anywhere}
.mlcraft-report *{box-sizing:border-box}
.mlcraft-report h1{font-size:25px;line-height:1.25;margin:0 0 10px}
.mlcraft-report h2{font-size:19px;margin:0 0 8px;display:flex;gap:10px;align-items:baseline;flex-wrap:wrap}
.mlcraft-report p{margin:0 0 8px;max-width:78ch}
.mlcraft-report .facts{display:flex;flex-wrap:wrap;gap:6px 26px;margin:0 0 14px;padding:0}
.mlcraft-report .facts div{min-width:0}
.mlcraft-report .facts dt{font-size:12px;color:#555;margin:0}
.mlcraft-report .facts dd{margin:0;font-weight:600}
.mlcraft-report nav{display:flex;flex-wrap:wrap;gap:6px;margin:0 0 8px}
.mlcraft-report nav a{border:1px solid #cfd6d2;border-radius:14px;padding:5px 12px;color:#0b6e4f;text-decoration:none;
font-size:14px}
.mlcraft-report nav a:hover,.mlcraft-report nav a:focus{background:#eef4f1}
.mlcraft-report section{border-top:1px solid #d9dedb;padding:20px 0 8px;scroll-margin-top:8px}
.mlcraft-report .state{font-size:12px;font-weight:600;border-radius:10px;padding:1px 9px;white-space:nowrap}
.mlcraft-report .look{background:#fdebdf;color:#9a3412}
.mlcraft-report .skipped{background:#eceef0;color:#444}
.mlcraft-report .parts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,480px),1fr));gap:14px 30px;
align-items:start}
.mlcraft-report .wide{grid-column:1/-1}
.mlcraft-report figure{margin:6px 0 0;min-width:0;max-width:600px}
.mlcraft-report figure svg{display:block;width:100%;height:auto}
.mlcraft-report .part{min-width:0}
.mlcraft-report h3{font-size:14px;font-weight:600;margin:8px 0 4px}
.mlcraft-report .tall{max-height:560px}
.mlcraft-report .box{overflow:auto;max-width:100%;border:1px solid #e3e7e5;border-radius:6px}
.mlcraft-report .box:focus-visible{outline:2px solid #0b6e4f}
.mlcraft-report table{border-collapse:collapse;font-size:13.5px;width:100%;margin:0;color:#222;background:#fff}
.mlcraft-report th{position:sticky;top:0;background:#f3f6f4;text-align:left;font-weight:600;vertical-align:bottom}
.mlcraft-report th,.mlcraft-report td{padding:5px 10px;border:0;border-bottom:1px solid #edf0ee}
.mlcraft-report td{vertical-align:top;text-align:left;min-width:4em;max-width:34em}
.mlcraft-report th,.mlcraft-report td{overflow-wrap:break-word}
.mlcraft-report .t{min-width:9em}
.mlcraft-report .long{min-width:24em}
.mlcraft-report .n{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}
.mlcraft-report .ends{color:#555;font-size:12.5px}
.mlcraft-report .notes{margin:8px 0 0;padding-left:18px;color:#4a4a4a;font-size:13.5px;max-width:84ch}
@media(max-width:560px){.mlcraft-report{padding:14px 14px 36px}.mlcraft-report h1{font-size:21px}
.mlcraft-report th,.mlcraft-report td{padding:5px 8px}.mlcraft-report .facts{gap:6px 18px}}
@media print{.mlcraft-report nav{display:none}.mlcraft-report .tall{max-height:none}
.mlcraft-report .box{overflow:visible}}
"""
STATES = {"look": "worth a look", "skipped": "not possible"}
ENDS = ("value", "lower", "upper")
WIDE = 6  # columns, those with intervals twice, from which on a table takes the whole width
LONG = 9  # letters from which on a text may break
SENTENCE = 60  # letters from which on it needs width, or its row grows tall on a phone
TALL = 16  # rows from which on it scrolls


def page(report: Report) -> str:
    """
    Return a whole HTML page.

    Parameters
    ----------
    report : Report

    Returns
    -------
    str
    """
    head = (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width,initial-scale=1">\n'
        '<link rel="icon" href="data:,">\n'  # else browsers ask a server for one
        f"<title>{escape(report.title)}</title>\n"
        "<style>body{margin:0;background:#fff}</style>\n</head>\n<body>\n"
    )
    return f"{head}{fragment(report, 'main')}\n</body>\n</html>\n"


def fragment(report: Report, element: str = "div") -> str:
    """
    Return the report as one HTML element with its own style, as notebooks show it.

    Parameters
    ----------
    report : Report
    element : str, default="div"

    Returns
    -------
    str
    """
    facts = "".join(f"<div><dt>{escape(str(k))}</dt><dd>{_cell(v)}</dd></div>" for k, v in report.facts.items())
    links = "".join(f'<a href="#{_id(s.name)}">{escape(s.title)}{_flag(s)}</a>' for s in report.sections)
    parts = [
        f'<{element} class="mlcraft-report">\n<style>{CSS}</style>',
        f"<h1>{escape(report.title)}</h1>",
        f'<dl class="facts">{facts}</dl>',
        f'<nav aria-label="Sections">{links}</nav>' if len(report.sections) > 1 else "",
        *(_section(section) for section in report.sections),
        f"</{element}>",
    ]
    return "\n".join(part for part in parts if part)


def _flag(section: Section) -> str:
    return ' <span aria-label="worth a look">!</span>' if section.state == "look" else ""


def _id(name: str) -> str:
    return "section-" + "".join(letter if letter.isalnum() and letter.isascii() else "-" for letter in name)


def _section(section: Section) -> str:
    state = STATES.get(section.state)
    badge = f' <span class="state {section.state}">{state}</span>' if state else ""
    figures = [_figure(figure) for figure in section.figures]
    tables = [_table(table) for table in section.tables]
    body = "\n".join([*figures, *tables])
    notes = "".join(f"<li>{escape(note)}</li>" for note in section.notes)
    parts = [
        f'<section id="{_id(section.name)}">',
        f"<h2>{escape(section.title)}{badge}</h2>",
        *(f"<p>{escape(sentence)}</p>" for sentence in section.sentences),
        f'<div class="parts">\n{body}\n</div>' if body else "",
        f'<ul class="notes">{notes}</ul>' if notes else "",
        "</section>",
    ]
    return "\n".join(part for part in parts if part)


def _figure(figure: Figure) -> str:
    from mlcraft.evaluation.report._drawing import svg_of

    try:
        drawn = svg_of(figure, "figure-")
    except ImportError as error:
        return f'<p class="part">{escape(figure.title)}: {escape(str(error))}</p>'
    return f'<figure role="img" aria-label="{escape(figure.title)}">\n{drawn}\n</figure>'


def _table(table: Table) -> str:
    title = f"<h3>{escape(table.title)}</h3>"
    columns = _columns(table)
    if not table.rows:
        return f'<div class="part">{title}<p>none</p></div>'
    shown = [_class(table, keys[0]) for _, keys in columns]
    head = "".join(f'<th scope="col"{kind}>{escape(name)}</th>' for (name, _), kind in zip(columns, shown, strict=True))
    rows = []
    for row in table.rows:
        cells = "".join(f"<td{kind}>{_cells(row, keys)}</td>" for (_, keys), kind in zip(columns, shown, strict=True))
        rows.append(f"<tr>{cells}</tr>")
    wide = " wide" if sum(1 + (len(keys) > 1) for _, keys in columns) >= WIDE else ""
    tall = " tall" if len(table.rows) > TALL else ""
    # reached by the keyboard, so that it can be scrolled without a mouse
    box = f'<div class="box{tall}" tabindex="0" role="region" aria-label="{escape(table.title)}">'
    body = "\n".join(rows)
    inside = f"<table><thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table>"
    return f'<div class="part{wide}">{title}{box}{inside}</div></div>'


def _columns(table: Table) -> list[tuple[str, tuple[str, ...]]]:
    """Return headings and the keys below them: a value and its ends take one column."""
    known = set(table.columns)
    found: list[tuple[str, tuple[str, ...]]] = []
    for key in table.columns:
        stem, _, end = key.rpartition(" ")
        triple = tuple(f"{stem} {one}".strip() for one in ENDS)
        if end in ENDS and known.issuperset(triple):
            if end == "value":
                found.append((stem or "value", triple))
            continue
        found.append((key, (key,)))
    return found


def _class(table: Table, key: str) -> str:
    """Return the look of a column: numbers stand to the right, long texts have room."""
    lengths = [len(cell) for cell in (row[key] for row in table.rows) if isinstance(cell, str)]
    if not lengths:
        return ' class="n"'
    if max(lengths) > SENTENCE:
        return ' class="t long"'
    return ' class="t"' if max(lengths) > LONG else ""


def _cells(row: Mapping[str, Cell], keys: Sequence[str]) -> str:
    if len(keys) == 1:
        return _p(row[keys[0]]) if keys[0] in ("p", "p value") or keys[0].endswith(" p") else _cell(row[keys[0]])
    value, low, high = (row[key] for key in keys)
    if low is None and high is None:
        return _cell(value)
    return f'{_cell(value)} <span class="ends">{_cell(low)} to {_cell(high)}</span>'


def _p(value: Cell) -> str:
    if isinstance(value, float) and math.isfinite(value):
        return "&lt; 0.0001" if value < 1e-4 else f"{value:.2g}"
    return _cell(value)


def _cell(value: Cell) -> str:
    """Write a cell: numbers to four digits, with a real minus."""
    if value is None:
        return "–"
    if isinstance(value, str):
        return escape(value)
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, int | np.integer):
        return f"{value:,}".replace("-", "−")
    number = float(value)
    if not math.isfinite(number):
        return "–" if math.isnan(number) else "∞" if number > 0 else "−∞"
    if number and (abs(number) >= 1e7 or abs(number) < 1e-4):
        return f"{number:.3g}".replace("e-0", "e-").replace("e+0", "e").replace("e+", "e").replace("-", "−")
    return (f"{number:,.0f}" if abs(number) >= 1e4 else f"{number:.4g}").replace("-", "−")
