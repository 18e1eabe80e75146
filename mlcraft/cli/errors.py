"""The one error of the command line: a message for the user, exit code 2, no traceback."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches


class CommandError(Exception):
    """Something the user can mend; the text names the thing and what to do."""


def close_names(name: str, candidates: Sequence[str]) -> list[str]:
    """Find candidates spelt like `name`, upper and lower case alike, best first.

    Examples
    --------
    >>> close_names("Prise", ["price", "size", "colour"])
    ['price']
    """
    by_lower: dict[str, list[str]] = {}
    for candidate in candidates:
        by_lower.setdefault(candidate.lower(), []).append(candidate)
    close = get_close_matches(name.lower(), list(by_lower), n=3, cutoff=0.6)
    if len(name) >= 3:
        close += [lower for lower in by_lower if name.lower() in lower and lower not in close]
    return [candidate for lower in close for candidate in by_lower[lower]][:3]


def unknown_column(name: str, candidates: Sequence[str]) -> str:
    """Say that a column is not there, and what may have been meant or what there is."""
    close = close_names(name, candidates)
    if close:
        return f"there is no column '{name}'; did you mean {listing(close, joiner='or')}?"
    return f"there is no column '{name}'; the columns are {listing(candidates, limit=12)}"


def plural(count: int, noun: str) -> str:
    """Count things.

    Examples
    --------
    >>> plural(1, "row"), plural(2500, "row")
    ('1 row', '2,500 rows')
    """
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def listing(names: Iterable[str], *, limit: int = 6, joiner: str = "and") -> str:
    """Join names in quotes for a sentence, the tail counted.

    Examples
    --------
    >>> listing(["a", "b", "c"])
    "'a', 'b' and 'c'"
    >>> listing(list("abcdef"), limit=2)
    "'a', 'b' and 4 more"
    """
    quoted = [f"'{name}'" for name in names]
    if len(quoted) > limit + 1:
        quoted = [*quoted[:limit], f"{len(quoted) - limit:,} more"]
    if len(quoted) < 2:
        return "".join(quoted)
    return f"{', '.join(quoted[:-1])} {joiner} {quoted[-1]}"
