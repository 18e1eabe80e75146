"""Drop-column importance: how much worse a fit is without a column or a group of columns, without refits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcraft.uncertainty._checked_rows import Rows
from mlcraft.uncertainty._geometry import ESTIMABLE, Geometry
from mlcraft.uncertainty._leave_one_out import effects_by_penalty, penalty_groups, usable
from mlcraft.uncertainty._model import FittedModel
from mlcraft.uncertainty._row_effects import check_rows, least_norm_root, polished_root
from mlcraft.uncertainty._wide import singular_values

__all__ = ["Importance", "importance"]

Doubles = NDArray[np.float64]
Groups = list[tuple[str, NDArray[np.intp]]]
CHUNK = 256  # columns of a wide design looked at together


@dataclass(frozen=True, eq=False)
class Importance:
    """
    How much worse a fit is without each column, or group of columns.

    With V the inverse of the (penalised) cross-products of the columns, the objective rises by
    ``b_g' (V_gg)^-1 b_g`` when the columns g are left out and the rest is fitted again: exactly, for least squares and
    for ridge with the same penalty. Columns that others explain completely can be left out at no loss.

    Arrays have an element for each column or group, or with several targets a row of them for each target.

    Attributes
    ----------
    names : tuple of str
        Columns and groups, in the order asked for.
    columns : tuple of tuple of int
        Their positions in X.
    rss_increase : ndarray of shape (n_groups,) or (n_targets, n_groups)
        Rise of the (weighted) residual sum of squares. With a penalty it may fall: the others are shrunk less then.
    r2_decrease : ndarray of shape (n_groups,) or (n_targets, n_groups)
        The same over the total sum of squares: the fall of R2 (about zero without an intercept).
    objective_increase : ndarray of shape (n_groups,) or (n_targets, n_groups)
        Rise of the penalised objective; `rss_increase` where there is no penalty.
    df : ndarray of shape (n_groups,) or (n_targets, n_groups)
        How many coefficients the data lose: fewer than columns where other columns explain some.
    f_statistic : ndarray of shape (n_groups,) or (n_targets, n_groups)
        F statistic of the test that all coefficients of the group are zero. NaN with a penalty, for which it has no F
        distribution, and without residual degrees of freedom.
    p_value : ndarray of shape (n_groups,) or (n_targets, n_groups)
        Its p-value with `df` and `residual_df` degrees of freedom, for independent normal errors. NaN likewise.
    residual_df : float
        Residual degrees of freedom of the whole fit.
    """

    names: tuple[str, ...]
    columns: tuple[tuple[int, ...], ...]
    rss_increase: Doubles
    r2_decrease: Doubles
    objective_increase: Doubles
    df: Doubles
    f_statistic: Doubles
    p_value: Doubles
    residual_df: Any

    def to_frame(self, target: int = 0) -> Any:
        """
        Return the importances as a data frame, the most important first.

        Parameters
        ----------
        target : int, default=0
            Which target, where there are several.

        Returns
        -------
        pandas.DataFrame
            With the names as its index.
        """
        import pandas as pd

        names = ("rss_increase", "r2_decrease", "objective_increase", "df", "f_statistic", "p_value")
        table = {}
        for name in names:
            values = getattr(self, name)
            table[name] = values if values.ndim == 1 else values[target]
        frame = pd.DataFrame(table, index=pd.Index(self.names, name="column"))
        return frame.sort_values("rss_increase", ascending=False, kind="stable")


def importance(model: FittedModel, rows: Rows | None, *, columns: Any = None, groups: Any = None) -> Importance:
    """
    Compute the loss of leaving out columns.

    Parameters
    ----------
    model : FittedModel
        With a factor.
    rows : Rows or None
        Those of the fit, needed where the factor is that of the rows or the sums of squares are not known.
    columns : list of str or int, optional
        Columns to leave out one at a time. Default: all, unless groups are given.
    groups : dict or list, optional
        Groups of columns to leave out together.

    Returns
    -------
    Importance

    Raises
    ------
    ValueError
        If a column is unknown, the fit kept no factor, or rows are needed and not given.
    """
    factor = usable(model).factor
    assert factor is not None
    if factor.dual and rows is None:
        raise ValueError(
            "X had no more rows than columns, so the fit kept the matrix of its rows: pass the X and y of the fit too"
        )
    if factor.dual and not (model.alpha > 0).all():
        raise ValueError(
            "with no more rows than columns and no penalty every row is fitted exactly, with or without a column: "
            "nothing is lost. Use Ridge, or leave columns out beforehand."
        )
    asked = _asked(model.feature_names, columns, groups)
    residual, total, n_samples = _sums(model, rows)
    shape = (model.n_targets, len(asked))
    objective, change, df = np.empty(shape), np.empty(shape), np.empty(shape)
    residual_df = np.empty(model.n_targets)
    for targets, inverse in _inverses(model, rows):
        coef = model.coef[targets]
        objective[targets], change[targets], df[targets] = _losses(inverse, coef, float(model.alpha[targets[0]]), asked)
        residual_df[targets] = n_samples - inverse.effective_df
    rss = objective - change
    f_statistic, p_value = _tests(model, objective, df, residual, residual_df)
    with np.errstate(divide="ignore", invalid="ignore"):
        decrease = np.where(rss == 0, 0.0, rss / total[:, np.newaxis])
    flat = model.n_targets == 1
    return Importance(
        names=tuple(name for name, _ in asked),
        columns=tuple(tuple(group.tolist()) for _, group in asked),
        rss_increase=rss[0] if flat else rss,
        r2_decrease=decrease[0] if flat else decrease,
        objective_increase=objective[0] if flat else objective,
        df=df[0] if flat else df,
        f_statistic=f_statistic[0] if flat else f_statistic,
        p_value=p_value[0] if flat else p_value,
        residual_df=residual_df[0].item() if flat else residual_df,
    )


def _tests(
    model: FittedModel, increase: Doubles, df: Doubles, residual: Doubles, residual_df: Doubles
) -> tuple[Doubles, Doubles]:
    from scipy.special import fdtrc

    left = np.where((model.alpha == 0) & (residual_df > 1e-9), residual_df, np.nan)[:, np.newaxis]
    with np.errstate(divide="ignore", invalid="ignore"):
        f_statistic = (increase / df) / (residual[:, np.newaxis] / left)
    p_value = fdtrc(df, left, f_statistic)
    return f_statistic, np.where(np.isposinf(f_statistic), 0.0, p_value)


def _sums(model: FittedModel, rows: Rows | None) -> tuple[Doubles, Doubles, int]:
    """Residual and total sums of squares of each target, and the number of rows that count."""
    if model.sums is not None:
        return model.sums.residual, model.sums.total, model.sums.n_samples
    if rows is None:
        raise ValueError("the fit kept no sums of squares: pass the X and y of the fit too")
    residual = np.empty(model.n_targets)
    for targets, effects in effects_by_penalty(model, rows):
        residual[targets] = rows.weight @ effects.residual**2
    centre = np.average(rows.targets, axis=0, weights=rows.weight) if model.has_intercept else 0.0
    return residual, rows.weight @ (rows.targets - centre) ** 2, int(np.count_nonzero(rows.weight))


class _Inverse:
    """V of a tall design: columns of it, and what of a group of coefficients the data determine."""

    def __init__(self, geometry: Geometry, rows: Rows | None) -> None:
        self._root = least_norm_root(geometry)
        if rows is not None:
            self._root, _ = polished_root(geometry, rows, self._root)
        self.effective_df = geometry.effective_df
        self._used, self._scale = geometry.used, geometry.scale
        self._null: Doubles | None = None  # what no row tells, in scaled coordinates
        if not geometry.full:
            self._null = np.zeros((len(self._used), 0))
        if geometry.directions is not None:
            left, _, _ = np.linalg.svd(geometry.directions[self._used])
            self._null = np.zeros((len(self._used), left.shape[1] - geometry.rank))
            self._null[self._used] = left[:, geometry.rank :]

    @property
    def regular(self) -> bool:
        """Whether every coefficient is determined."""
        return self._null is None

    def columns(self, group: NDArray[np.intp]) -> Doubles:
        """Return columns of V, (n_features, n_group)."""
        found: Doubles = self._root @ self._root[group].T
        return found

    def deviations(self, group: NDArray[np.intp]) -> Doubles:
        """Return the roots of the diagonal of V, (n_group,), whatever the units of the columns."""
        rows = self._root[group]
        sizes = np.abs(rows).max(axis=1)
        found: Doubles = sizes * np.linalg.norm(rows / sizes[:, np.newaxis], axis=1)
        return found

    def drop(self, coef: Doubles, group: NDArray[np.intp]) -> tuple[Doubles, Doubles, int]:
        """
        Return the rise of the objective (n_targets), the step of b (n_targets, n_features), lost coefficients.

        With K K' = V and K_g' = Q R, the rise b_g' (V_gg)^-1 b_g is |R'^-1 b_g|^2, which never squares a condition.
        """
        basis = self.determined(group)
        orthonormal, triangle = np.linalg.qr((basis.T @ self._root[group]).T)
        known = np.linalg.solve(triangle.T, (coef[:, group] @ basis).T)
        return (known**2).sum(axis=0), (self._root @ orthonormal @ known).T, basis.shape[1]

    def determined(self, group: NDArray[np.intp]) -> Doubles:
        """Return a basis of the combinations of a group's coefficients that the data determine."""
        if self._null is None:
            return np.eye(len(group))
        kept = group[self._used[group]]
        left, values, _ = np.linalg.svd(self._null[kept])
        basis = left[:, np.count_nonzero(values > ESTIMABLE) :]
        found = np.zeros((len(group), basis.shape[1]))
        found[self._used[group]] = basis / self._scale[kept][:, np.newaxis]  # they are of b_j / scale_j
        return found


class _WideInverse(_Inverse):
    """V of a wide design with a penalty, by the singular values s and right vectors R of its rows: with no part along
    R it is I / alpha, along R 1 / (s^2 + alpha).
    """

    def __init__(self, model: FittedModel, rows: Rows, alpha: float) -> None:
        factor = model.factor
        assert factor is not None
        root = np.sqrt(rows.weight)
        unit = root / np.sqrt(factor.weight_sum) if model.has_intercept else np.zeros_like(root)
        _, values, self._right = singular_values(rows, factor.mean, root, unit)
        self._alpha, self._along = alpha, 1.0 / (values**2 + alpha)
        self.effective_df = float((values**2 * self._along).sum()) + model.has_intercept
        self._null = None

    def columns(self, group: NDArray[np.intp]) -> Doubles:
        right = self._right[:, group]
        found = -(self._right.T @ right)
        found[group, np.arange(len(group))] += 1.0
        product: Doubles = found / self._alpha + self._right.T @ (self._along[:, np.newaxis] * right)
        return product

    def deviations(self, group: NDArray[np.intp]) -> Doubles:
        right = self._right[:, group] ** 2
        found: Doubles = np.sqrt((1.0 - right.sum(axis=0)).clip(0.0) / self._alpha + self._along @ right)
        return found

    def drop(self, coef: Doubles, group: NDArray[np.intp]) -> tuple[Doubles, Doubles, int]:
        columns = self.columns(group)
        step = np.linalg.solve(columns[group], coef[:, group].T)
        return (coef[:, group] * step.T).sum(axis=1), (columns @ step).T, len(group)


def _inverses(model: FittedModel, rows: Rows | None) -> Iterable[tuple[list[int], _Inverse]]:
    factor = model.factor
    assert factor is not None
    if rows is not None:
        check_rows(factor, rows)
    for target, targets in penalty_groups(model.alpha):
        if factor.dual:
            assert rows is not None
            yield targets, _WideInverse(model, rows, float(model.alpha[target]))
        else:
            yield targets, _Inverse(model.geometry(target), rows)


def _losses(inverse: _Inverse, coef: Doubles, alpha: float, asked: Groups) -> tuple[Doubles, Doubles, Doubles]:
    """Rise of the objective, of its penalty, and lost coefficients, each (targets, groups)."""
    shape = (len(coef), len(asked))
    objective, change, df = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    single = np.array([i for i, (_, group) in enumerate(asked) if len(group) == 1 and inverse.regular], dtype=np.intp)
    for begin in range(0, len(single), CHUNK):
        places = single[begin : begin + CHUNK]
        group = np.array([asked[i][1][0] for i in places])
        df[:, places] = 1.0
        objective[:, places] = (coef[:, group] / inverse.deviations(group)) ** 2
        if alpha > 0:
            columns = inverse.columns(group)
            ratio = coef[:, group] / columns[group, np.arange(len(group))]
            change[:, places] = alpha * (-2.0 * ratio * (coef @ columns) + ratio**2 * (columns**2).sum(axis=0))
    for i in np.setdiff1d(np.arange(len(asked)), single):
        objective[:, i], moved, df[:, i] = inverse.drop(coef, asked[i][1])
        if alpha > 0:
            change[:, i] = alpha * (-2.0 * (coef * moved).sum(axis=1) + (moved**2).sum(axis=1))
    return objective, change, df


def _asked(names: tuple[str, ...], columns: Any, groups: Any) -> Groups:
    """Names and positions of what is to be left out."""
    found: Groups = []
    if columns is None and groups is None:
        columns = range(len(names))
    if columns is not None:
        for column in [columns] if isinstance(columns, (str, Integral)) else columns:
            place = _position(names, column)
            found.append((names[place], np.array([place])))
    if groups is not None:
        pairs = groups.items() if isinstance(groups, Mapping) else ((None, group) for group in groups)
        for name, group in pairs:
            members = [group] if isinstance(group, (str, Integral)) else list(group)
            places = list(dict.fromkeys(_position(names, column) for column in members))
            if not places:
                raise ValueError(f"the group {name!r} of groups has no columns")
            label = ", ".join(names[place] for place in places) if name is None else str(name)
            found.append((label, np.array(places)))
    return found


def _position(names: tuple[str, ...], column: Any) -> int:
    if isinstance(column, str):
        if column not in names:
            known = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
            raise ValueError(f"there is no column {column!r}; there are {known}")
        return names.index(column)
    if isinstance(column, Integral) and column is not True and column is not False and 0 <= int(column) < len(names):
        return int(column)
    raise ValueError(f"columns are names or positions from 0 to {len(names) - 1}, got {column!r}")
