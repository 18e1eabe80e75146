"""A report: sections in their order."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlcraft.evaluation.report._section import Cell, Figure, Section, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Report"]


@dataclass(frozen=True)
class Report:
    """
    How good a model is on rows it has not seen, and what that does not tell: what `evaluate` returns.

    Attributes
    ----------
    title : str
    facts : dict of str to str, int, float or None
        Model, kind of task, numbers of rows and columns, level.
    sections : tuple of Section
        In the order of reading.

    Examples
    --------
    >>> from mlcraft.evaluation.report import Report, Section
    >>> report = Report("A model", {"rows": 3}, (Section("limits", "Limits", ("Three rows say little.",)),))
    >>> report["limits"].sentences[0], "limits" in report, report.names
    ('Three rows say little.', True, ('limits',))
    """

    title: str
    facts: Mapping[str, Cell]
    sections: tuple[Section, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the sections."""
        return tuple(section.name for section in self.sections)

    @property
    def figures(self) -> dict[str, Figure]:
        """Figures of all sections by name."""
        return {figure.name: figure for section in self.sections for figure in section.figures}

    def __getitem__(self, name: str) -> Section:
        for section in self.sections:
            if section.name == name:
                return section
        raise KeyError(f"no section {name!r}; there are: {', '.join(self.names)}")

    def __contains__(self, name: object) -> bool:
        return name in self.names

    def __iter__(self) -> Iterator[Section]:
        return iter(self.sections)

    def __len__(self) -> int:
        return len(self.sections)

    def to_frame(self, section: str = "metrics", table: str | None = None) -> Any:
        """
        Return a table as a pandas DataFrame.

        Parameters
        ----------
        section : str, default="metrics"
        table : str, optional
            Its name within the section; default: the first.

        Returns
        -------
        pandas.DataFrame

        Raises
        ------
        KeyError
            If there is no such section or table.
        """
        return self[section].table(table).to_frame()

    def to_dict(self) -> dict[str, Any]:
        """Return plain lists, dictionaries, strings and numbers; None for numbers that are not finite."""
        facts: dict[str, Any] = plain(self.facts)
        return {"title": self.title, "facts": facts, "sections": [section.to_dict() for section in self.sections]}

    def to_json(self, path: str | Path | None = None) -> str:
        """
        Return the report as JSON, and write it to a file if a path is given.

        Parameters
        ----------
        path : str or Path, optional

        Returns
        -------
        str
        """
        text = json.dumps(self.to_dict(), indent=1, allow_nan=False)
        if path is not None:
            Path(path).write_text(text + "\n", encoding="utf-8")
        return text

    def to_html(self, path: str | Path | None = None) -> str:
        """
        Return the report as one HTML page that asks for nothing else, and write it to a file if a path is given.

        Figures stand in it as SVG and need matplotlib; without it the page says so and has the tables alone.

        Parameters
        ----------
        path : str or Path, optional

        Returns
        -------
        str
        """
        from mlcraft.evaluation.report._html import page

        text = page(self)
        if path is not None:
            Path(path).write_text(text, encoding="utf-8", errors="xmlcharrefreplace")
        return text

    def _repr_html_(self) -> str:
        from mlcraft.evaluation.report._html import fragment

        return fragment(self)

    def plot(self, name: str, ax: Axes | None = None) -> Axes:
        """
        Draw a figure of the report.

        Parameters
        ----------
        name : str
            One of `figures`.
        ax : matplotlib Axes, optional
            Where to draw; new axes if not given.

        Returns
        -------
        matplotlib Axes

        Raises
        ------
        KeyError
            If there is no such figure.
        ImportError
            If matplotlib is not there.
        """
        from mlcraft.evaluation.report._drawing import draw

        if name not in self.figures:
            raise KeyError(f"no figure {name!r}; there are: {', '.join(self.figures) or 'none'}")
        return draw(self.figures[name], ax)

    def __str__(self) -> str:
        facts = ", ".join(f"{name} {value}" for name, value in self.facts.items())
        return "\n\n".join(["\n".join([self.title, "=" * len(self.title), facts]), *map(str, self.sections)])
