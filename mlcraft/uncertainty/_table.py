"""Summaries as text and HTML: facts in two columns, and a table of numbers."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

__all__ = ["NAMED_AT_MOST", "fact_lines", "html_page", "html_tables", "listed", "p_text", "text_table", "undetermined"]

Facts = list[tuple[str, str]]
NAMED_AT_MOST = 5


def listed(names: Sequence[str]) -> str:
    """Write some names out."""
    more = f" and {len(names) - NAMED_AT_MOST} more" if len(names) > NAMED_AT_MOST else ""
    return ", ".join(names[:NAMED_AT_MOST]) + more


def undetermined(names: Sequence[str]) -> str:
    """Say that the data do not determine some parameters."""
    return (
        f"Columns depend on each other or do not vary: the data do not determine {listed(names)}. Their coefficients "
        "are one choice among many, so they have no standard errors; predictions and the rest are not affected."
    )


def p_text(p_value: float) -> str:
    """Write a p-value."""
    return f"{p_value:.3f}" if not p_value < 0.001 else f"{p_value:.1e}"


def fact_lines(facts: Facts) -> list[str]:
    """Write an even number of facts in two columns."""
    left = max(len(name) for name, _ in facts[::2])
    middle = max(len(value) for _, value in facts[::2])
    right = max(len(name) for name, _ in facts[1::2])
    return [
        f"{name:<{left}}  {value:<{middle}}    {other:<{right}}  {other_value}"
        for (name, value), (other, other_value) in zip(facts[::2], facts[1::2], strict=True)
    ]


def text_table(names: Sequence[str], labels: Sequence[str], cells: Sequence[Sequence[str]]) -> str:
    """Write a table with names on the left."""
    widths = [max(map(len, column)) for column in zip(labels, *cells, strict=True)]
    first = max(map(len, names))
    lines = [" " * first + "".join(f"  {label:>{width}}" for label, width in zip(labels, widths, strict=True))]
    for name, row in zip(names, cells, strict=True):
        lines.append(name.ljust(first) + "".join(["  " + cell.rjust(n) for cell, n in zip(row, widths, strict=True)]))
    return "\n".join(lines)


def html_tables(
    head: str, facts: Facts, names: Sequence[str], labels: Sequence[str], cells: Sequence[Sequence[str]]
) -> str:
    """Return the facts and the table as HTML without styles of their own."""
    rows = "".join(
        f"<tr><th>{escape(a)}</th><td>{escape(b)}</td><th>{escape(c)}</th><td>{escape(d)}</td></tr>"
        for (a, b), (c, d) in zip(facts[::2], facts[1::2], strict=True)
    )
    top = "".join(f"<th>{escape(label)}</th>" for label in labels)
    body = "".join(
        f"<tr><th>{escape(name)}</th>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>"
        for name, row in zip(names, cells, strict=True)
    )
    return (
        f"<table><caption>{escape(head)}</caption><tbody>{rows}</tbody></table>"
        f"<table><thead><tr><th></th>{top}</tr></thead><tbody>{body}</tbody></table>"
    )


def html_page(blocks: Sequence[str], notes: Sequence[str]) -> str:
    """Return tables with the notes below them."""
    items = "".join(f"<li>{escape(note)}</li>" for note in notes)
    return f"<div>{''.join(blocks)}{f'<ul>{items}</ul>' if items else ''}</div>"
