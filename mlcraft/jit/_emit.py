"""Lines of a function that computes numbers together with their derivatives."""

from __future__ import annotations

import operator
from collections.abc import Callable

#: A number known when the function is written, or the name of a variable.
Atom = float | str
#: A number and its first derivatives by the variable, as many as asked for.
Jet = list[Atom]

_FOLD: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
}


def text(atom: Atom) -> str:
    """As Python source; ``inf`` and ``nan`` are names there."""
    return atom if isinstance(atom, str) else f"({atom!r})"


class Emitter:
    """Collects statements, one operation a line, and leaves out what is known to be 0 or 1."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.depth = 1
        self._names = 0

    def line(self, statement: str) -> None:
        """Append a statement at the current depth."""
        self.lines.append("    " * self.depth + statement)

    def fresh(self) -> str:
        """Return a name that no other variable has."""
        self._names += 1
        return f"t{self._names}"

    def let(self, expression: str) -> str:
        """Give an expression a name."""
        name = self.fresh()
        self.line(f"{name} = {expression}")
        return name

    def plain(self, sign: str, a: Atom, b: Atom) -> Atom:
        """Write ``a sign b`` where NaN and infinity count: only two constants are put together."""
        if isinstance(a, float) and isinstance(b, float) and not (sign == "/" and b == 0):
            return _FOLD[sign](a, b)
        return self.let(f"{text(a)} {sign} {text(b)}")

    def add(self, a: Atom, b: Atom) -> Atom:
        """Write ``a + b`` of derivatives."""
        if a == 0.0 or b == 0.0:
            return b if a == 0.0 else a
        return self.plain("+", a, b)

    def subtract(self, a: Atom, b: Atom) -> Atom:
        """Write ``a - b`` of derivatives."""
        if b == 0.0:
            return a
        return self.negative(b) if a == 0.0 else self.plain("-", a, b)

    def times(self, *factors: Atom) -> Atom:
        """Write a product of derivatives: zero whatever the others are, when one is."""
        if any(factor == 0.0 for factor in factors):
            return 0.0
        product: Atom = 1.0
        for factor in factors:
            if factor == 1.0:
                continue
            if factor == -1.0:
                product = self.negative(product)
            else:
                product = factor if product == 1.0 else self.plain("*", product, factor)
        return product

    def negative(self, a: Atom) -> Atom:
        """Write ``-a``."""
        return -a if isinstance(a, float) else self.let(f"-{a}")

    def share(self, a: Atom, b: Atom) -> Atom:
        """Write ``a / b`` of derivatives."""
        if a == 0.0 or b == 1.0:
            return a
        return self.plain("/", a, b)

    def choose(self, condition: str, a: Atom, b: Atom) -> Atom:
        """Write ``a if condition else b``."""
        if condition in ("True", "False"):
            return a if condition == "True" else b
        return a if a == b else self.let(f"{text(a)} if {condition} else {text(b)}")

    def choose_jet(self, condition: str, a: Jet, b: Jet) -> Jet:
        """Do the same for a number and its derivatives."""
        return [self.choose(condition, x, y) for x, y in zip(a, b, strict=True)]

    def above(self, a: Jet, b: Jet, *, or_equal: bool = False) -> str:
        """Whether ``a > b`` a little to the right of where we are: ties are broken by the first derivatives.

        All derivatives are taken from the right. Where the function is smooth they are the derivatives, whatever
        pieces it is made of.
        """
        equal = ">=" if or_equal else ">"
        left, right = text(a[0]), text(b[0])
        if isinstance(a[0], float) and isinstance(b[0], float):
            return str(a[0] >= b[0] if or_equal else a[0] > b[0])
        if len(a) == 1 or (a[1] == 0.0 and b[1] == 0.0):
            return self.let(f"{left} {equal} {right}")
        slope = self.subtract(a[1], b[1])
        if isinstance(slope, float):
            sign = ">=" if slope > 0 or (slope == 0 and or_equal) else ">"
            return self.let(f"{left} {sign} {right}")
        tie = self.let(f"({left} == {right}) & ({slope} {equal} 0.0)")
        return self.let(f"({left} > {right}) | {tie}")
