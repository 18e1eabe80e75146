"""A user's Python function, read and written again so that it computes its derivatives beside its value.

Forward differentiation on the syntax tree: every operation is followed by those for the first and second derivative by
one variable, with zeros left out (Griewank and Walther, *Evaluating Derivatives*, 2008, chapters 3 and 13). What comes
out has the rounding errors of the formula, nothing more.
"""

from __future__ import annotations

import ast
import inspect
import math
import operator
import types
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from . import _rules
from ._emit import Emitter, Jet

NAMES = ("", "_1", "_2")  # endings of the names of a value and of its derivatives


class NotReadableError(Exception):
    """The function uses something that the rules do not know, or its source is not there."""


@lru_cache(maxsize=8)
def _parsed(source: str) -> ast.Module:
    return ast.parse(source)


def syntax_tree(function: Callable[..., Any]) -> tuple[list[str], list[ast.stmt]]:
    """Return the names of the arguments and the statements of a function or lambda."""
    try:
        tree = _parsed("".join(inspect.findsource(function)[0]))
    except (OSError, TypeError, SyntaxError, AttributeError):
        raise NotReadableError("its source cannot be read") from None
    code = function.__code__
    found: list[tuple[ast.arguments, list[ast.stmt]]] = []
    for node in ast.walk(tree):  # from the outside to the inside
        if isinstance(node, ast.FunctionDef) and node.name == code.co_name:
            if code.co_firstlineno in (node.lineno, *(decorator.lineno for decorator in node.decorator_list)):
                found.append((node.args, node.body))
        elif isinstance(node, ast.Lambda) and code.co_name == "<lambda>" and _is_of(code, node):
            found.append((node.args, [ast.Return(node.body)]))
    if not found:
        raise NotReadableError("its source cannot be read")
    arguments, body = found[-1]
    if arguments.vararg or arguments.kwarg:
        raise NotReadableError("it takes any number of arguments")
    return [argument.arg for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)], body


def _is_of(code: types.CodeType, node: ast.Lambda) -> bool:
    """Several lambdas may stand in one line: the instructions of this one come from its body."""
    names = [argument.arg for argument in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
    if list(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]) != names:
        return False
    body = node.body
    begin, end = (body.lineno, body.col_offset), (body.end_lineno or 0, body.end_col_offset or 0)
    places = [place for place in code.co_positions() if None not in place and place[2] != place[3]]
    return bool(places) and all(
        begin <= (first or 0, left or 0) and (last or 0, right or 0) <= end for first, last, left, right in places
    )


def surroundings(function: Callable[..., Any]) -> dict[str, Any]:
    """Return what the names in a function mean that are not its own."""
    seen = inspect.getclosurevars(function)
    return {**function.__globals__, **seen.builtins, **seen.globals, **seen.nonlocals}


def write(
    function: Callable[..., Any], name: str, arguments: Sequence[Jet], order: int, helpers: dict[Any, list[str]]
) -> list[str]:
    """Lines of a function ``name`` of the variables in ``arguments`` that returns value and derivatives.

    Functions that it calls are written too, into ``helpers``.
    """
    names, body = syntax_tree(function)
    if len(names) != len(arguments):
        raise NotReadableError(f"it takes {len(names)} arguments")
    writer = _Writer(surroundings(function), order, helpers)
    writer.variables = dict(zip(names, arguments, strict=True))
    variables = [atom for jet in arguments for atom in jet if isinstance(atom, str)]
    if not writer.block(body):
        raise NotReadableError("it may end without a return")
    return ["@inline", f"def {name}({', '.join(variables)}):", *writer.emit.lines]


class _Writer:
    """Walks over the statements of one function."""

    def __init__(self, outside: dict[str, Any], order: int, helpers: dict[Any, list[str]]) -> None:
        self.outside, self.order, self.helpers = outside, order, helpers
        self.emit = Emitter()
        self.variables: dict[str, Jet] = {}

    def constant(self, value: float) -> Jet:
        return [float(value), *([0.0] * self.order)]

    # statements: each says whether the function has ended

    def block(self, body: list[ast.stmt]) -> bool:
        for number, statement in enumerate(body):
            if isinstance(statement, ast.If):
                return self.branch(statement, body[number + 1 :])
            if self.statement(statement):
                return True
        return False

    def statement(self, node: ast.stmt) -> bool:
        if isinstance(node, ast.Return) and node.value is not None:
            self.emit.line(f"return {self.components(self.jet(node.value))}")
            return True
        if isinstance(node, ast.Raise):  # the check at the start says what was raised
            self.emit.line(f"return {self.components(self.constant(math.nan))}")
            return True
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            self.assign(node.targets[0], node.value)
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            self.assign(node.target, node.value)
        elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            load = ast.Name(node.target.id, ast.Load())
            self.assign(node.target, ast.BinOp(load, node.op, node.value))
        elif isinstance(node, ast.Assert):
            failed = ast.If(ast.UnaryOp(ast.Not(), node.test), [ast.Raise()], [])
            self.branch(failed, [])
        elif not (isinstance(node, ast.Pass) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))):
            raise NotReadableError(f"it uses {type(node).__name__.lower()}")
        return False

    def components(self, jet: Jet) -> str:
        return "(" + ", ".join(atom if isinstance(atom, str) else repr(atom) for atom in jet) + ",)"

    def branch(self, node: ast.If, rest: list[ast.stmt]) -> bool:
        """Go on with the rest of the block in each branch that does not return: no variable meets two values."""
        condition = self.condition(node.test)
        if condition in ("True", "False"):
            return self.block([*(node.body if condition == "True" else node.orelse), *rest])
        ended = []
        before = dict(self.variables)
        for opening, body in (("if " + condition, node.body), ("else", node.orelse)):
            self.emit.line(opening + ":")
            self.emit.depth += 1
            self.variables = dict(before)
            at = len(self.emit.lines)
            ended.append(self.block([*body, *rest]))
            if len(self.emit.lines) == at:
                self.emit.line("pass")
            if len(self.emit.lines) > 5_000:
                raise NotReadableError("it has too many branches")
            self.emit.depth -= 1
        self.variables = before
        return all(ended)

    def assign(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Name):
            self.variables[target.id] = self.jet(value)
        elif isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
            jets = [self.jet(element) for element in value.elts]
            for element, jet in zip(target.elts, jets, strict=True):
                if not isinstance(element, ast.Name):
                    raise NotReadableError("it assigns to a part of something")
                self.variables[element.id] = jet
        else:
            raise NotReadableError("it assigns to a part of something")

    # expressions

    def jet(self, node: ast.expr) -> Jet:
        known = self.known(node)
        if isinstance(known, bool | int | float | np.bool_ | np.integer | np.floating):
            return self.constant(float(known))
        if isinstance(node, ast.Name) and node.id in self.variables:
            return self.variables[node.id]
        if isinstance(node, ast.BinOp):
            return self.operation(node)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
            operand = self.jet(node.operand)
            return _rules.negative(self.emit, operand) if isinstance(node.op, ast.USub) else operand
        if isinstance(node, ast.IfExp):
            condition = self.condition(node.test)
            return self.emit.choose_jet(condition, self.jet(node.body), self.jet(node.orelse))
        if isinstance(node, ast.Compare | ast.BoolOp) or (
            isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)
        ):
            return self.emit.choose_jet(self.condition(node), self.constant(1.0), self.constant(0.0))
        if isinstance(node, ast.NamedExpr):
            self.assign(node.target, node.value)
            return self.variables[node.target.id]
        if isinstance(node, ast.Call):
            return self.called(node)
        raise NotReadableError(f"it uses {ast.unparse(node)!r}")

    def operation(self, node: ast.BinOp) -> Jet:
        rules: dict[type[ast.operator], Callable[[Emitter, Jet, Jet], Jet]] = {
            ast.Add: _rules.add,
            ast.Sub: _rules.subtract,
            ast.Mult: _rules.times,
            ast.Div: _rules.divide,
            ast.Pow: _rules.power,
        }
        rule = rules.get(type(node.op))
        if rule is None:
            raise NotReadableError(f"it uses {ast.unparse(node)!r}")
        return rule(self.emit, self.jet(node.left), self.jet(node.right))

    def condition(self, node: ast.expr) -> str:
        """Source of a truth value without side effects: ``True``, ``False`` or the name of a variable."""
        emit = self.emit
        if isinstance(node, ast.BoolOp):
            parts = [self.condition(value) for value in node.values]
            decided, neutral = ("False", "True") if isinstance(node.op, ast.And) else ("True", "False")
            parts = [part for part in parts if part != neutral]
            if decided in parts or not parts:
                return decided if parts else neutral
            return emit.let((" & " if isinstance(node.op, ast.And) else " | ").join(parts))
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            part = self.condition(node.operand)
            return str(part == "False") if part in ("True", "False") else emit.let(f"not {part}")
        if isinstance(node, ast.Compare):
            parts, left = [], self.jet(node.left)
            for sign, comparator in zip(node.ops, node.comparators, strict=True):
                right = self.jet(comparator)
                parts.append(self.comparison(sign, left, right))
                left = right
            if "False" in parts:
                return "False"
            parts = [part for part in parts if part != "True"]
            return emit.let(" & ".join(parts)) if parts else "True"
        jet = self.jet(node)
        return str(jet[0] != 0.0) if isinstance(jet[0], float) else emit.let(f"{jet[0]} != 0.0")

    def comparison(self, sign: ast.cmpop, left: Jet, right: Jet) -> str:
        emit = self.emit
        if isinstance(sign, ast.Gt | ast.GtE):
            return emit.above(left, right, or_equal=isinstance(sign, ast.GtE))
        if isinstance(sign, ast.Lt | ast.LtE):
            return emit.above(right, left, or_equal=isinstance(sign, ast.LtE))
        if isinstance(sign, ast.Eq | ast.NotEq):
            written, same = ("==", operator.eq) if isinstance(sign, ast.Eq) else ("!=", operator.ne)
            if isinstance(left[0], float) and isinstance(right[0], float):
                return str(same(left[0], right[0]))
            return emit.let(" ".join([_text(left), written, _text(right)]))
        raise NotReadableError("it compares by 'is' or 'in'")

    def known(self, node: ast.expr) -> Any:
        """Return the object that a name, an attribute or a number stands for outside of the function, or None."""
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, ast.Name):
            return None if node.id in self.variables else self.outside.get(node.id)
        if isinstance(node, ast.Attribute):
            return getattr(self.known(node.value), node.attr, None)
        return None

    def called(self, node: ast.Call) -> Jet:
        function = self.known(node.func)
        if function is None or node.keywords or any(isinstance(argument, ast.Starred) for argument in node.args):
            raise NotReadableError(f"it calls {ast.unparse(node.func)!r}")
        name = _rules.known_name(function)
        if name == "where" and len(node.args) == 3:
            test, first, second = node.args
            return self.jet(ast.IfExp(test, first, second))
        jets = [self.jet(argument) for argument in node.args]
        constants = [jet[0] for jet in jets]
        if name is not None and all(isinstance(value, float) for value in constants):
            try:
                return self.constant(float(function(*constants)))
            except (ArithmeticError, TypeError, ValueError):
                pass
        if name is not None:
            return self.rule(name, jets)
        inner = _rules.python_function(function)
        if isinstance(inner, types.FunctionType):
            return self.helper(inner, jets)
        if getattr(function, "__module__", None) == "math" and all(a == 0.0 for jet in jets for a in jet[1:]):
            written = ", ".join(_text(jet) for jet in jets)
            return [self.emit.let(f"math.{function.__name__}({written})"), *([0.0] * self.order)]
        raise NotReadableError(f"it calls {ast.unparse(node.func)!r}")

    def rule(self, name: str, jets: list[Jet]) -> Jet:
        emit = self.emit
        if name in _rules.RULES and len(jets) == 1:
            return _rules.call(emit, name, jets[0])
        if name in ("max", "min") and len(jets) > 1:
            best = jets[0]
            for jet in jets[1:]:
                best = (_rules.larger if name == "max" else _rules.smaller)(emit, best, jet)
            return best
        if name == "clip" and len(jets) == 3:
            return _rules.smaller(emit, _rules.larger(emit, jets[0], jets[1]), jets[2])
        if name == "pow" and len(jets) == 2:
            return _rules.power(emit, *jets)
        if name == "xlogy" and len(jets) == 2:
            product = _rules.times(emit, jets[0], _rules.call(emit, "log", jets[1]))
            return emit.choose_jet(emit.let(f"{_text(jets[0])} == 0.0"), self.constant(0.0), product)
        if len(jets) == 1 and name in ("abs", "float"):
            return _rules.absolute(emit, jets[0]) if name == "abs" else jets[0]
        if len(jets) == 1 and name in ("floor", "ceil", "bool"):
            written = {"bool": "1.0 if {} != 0.0 else 0.0"}.get(name, f"float(math.{name}({{}}))")
            return [emit.let(written.format(_text(jets[0]))), *([0.0] * self.order)]
        if len(jets) == 1 and name == "sign":
            zero = self.constant(0.0)
            below = emit.choose(emit.above(zero, jets[0]), -1.0, 0.0)
            return [emit.choose(emit.above(jets[0], zero), 1.0, below), *([0.0] * self.order)]
        raise NotReadableError(f"it calls {name!r} with {len(jets)} arguments")

    def helper(self, function: types.FunctionType, jets: list[Jet]) -> Jet:
        """Call a function of the user: written once for the same arguments that vary."""
        varying = tuple(any(a != 0.0 for a in jet[1:]) for jet in jets)
        key = (function, varying)
        if key not in self.helpers:
            self.helpers[key] = []  # also ends a function that calls itself
            name = f"helper{len(self.helpers)}"
            arguments: list[Jet] = [
                [f"x{k}", *(f"x{k}{NAMES[i]}" if vary else 0.0 for i in range(1, self.order + 1))]
                for k, vary in enumerate(varying)
            ]
            self.helpers[key] = write(function, name, arguments, self.order, self.helpers)
        elif not self.helpers[key]:
            raise NotReadableError(f"{function.__name__!r} calls itself")
        name = self.helpers[key][1].removeprefix("def ").partition("(")[0]
        given = [
            (atom if isinstance(atom, str) else repr(atom))
            for jet, vary in zip(jets, varying, strict=True)
            for atom in (jet if vary else jet[:1])
        ]
        result = self.emit.let(f"{name}({', '.join(given)})")
        return [self.emit.let(f"{result}[{i}]") for i in range(self.order + 1)]


def _text(jet: Jet) -> str:
    return jet[0] if isinstance(jet[0], str) else repr(jet[0])
