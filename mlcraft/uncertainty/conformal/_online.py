"""More rows for a calibrated regressor."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

import numpy as np
from scipy import sparse

from mlcraft.uncertainty.conformal._fitting import Rows, calibrate, fitted

__all__ = ["stacked", "updated"]


def stacked(X: Any, more: Any) -> Any:
    """Return the rows of both, in the kind that the first is."""
    if sparse.issparse(X) or sparse.issparse(more):
        return sparse.vstack([sparse.csr_array(X), sparse.csr_array(more)], format="csr")
    library = sys.modules.get(type(X).__module__.split(".")[0])
    if hasattr(X, "columns") and library is not None and hasattr(library, "concat"):  # pandas and polars
        return library.concat([X, more])
    return np.concatenate([np.asarray(X), np.asarray(more)])


def updated(model: Any, X: Any, y: Any, sample_weight: Any, groups: Any, clusters: Any) -> None:
    """Add rows to the calibration, or fit again with them where every row trains."""
    from mlcraft.uncertainty.conformal._inputs import fit_rows

    grouping, shift = model._grouping, model.shift_
    old = model._rows
    try:
        more = fit_rows(
            _Settings(model),
            X,
            y,
            sample_weight,
            grouping if groups is None else groups,
            clusters if old is not None else None,
            None,
            {} if old is None else old.fit_params,
        )
    finally:
        model._grouping, model.shift_ = grouping, shift
    if old is None:
        before = model._calibrated
        if before.groups is not None and more.groups is None:
            raise ValueError("fit was given groups: pass groups= with the label of each row")
        held = np.arange(len(more.y))
        added = calibrate(model, before.form, model._fitted.read(more.X), more, held)
        model._predictor.calibrated = before.added(added, model.window)
        return
    rows = joined(old, more)
    model._take(fitted(model, rows), rows)


class _Settings:
    """Parameters of a fitted model, with the shift that it has learnt."""

    def __init__(self, model: Any) -> None:
        self.shift = model.shift_
        self.estimator, self.prefit = model.estimator, model.prefit
        if hasattr(self.shift, "predict_proba"):
            self.shift = _Ratios(self.shift)


class _Ratios:
    def __init__(self, classifier: Any) -> None:
        self.classifier = classifier

    def __call__(self, X: Any) -> Any:
        from mlcraft.uncertainty.conformal._inputs import ratios

        return ratios(self.classifier, X)


def joined(old: Rows, more: Rows) -> Rows:
    """Return all rows; what was given for the old ones must be there for the new ones."""

    def both(name: str) -> Any:
        first, second = getattr(old, name), getattr(more, name)
        if first is None and second is None:
            return None
        if first is None or second is None:
            if name != "sample_weight":
                raise ValueError(f"{name} must be given to fit and to update, or to neither")
            first = np.ones(len(old.y)) if first is None else first
            second = np.ones(len(more.y)) if second is None else second
        return np.concatenate([first, second])

    values = {name: both(name) for name in ("sample_weight", "groups", "clusters", "weight")}
    return replace(old, X=stacked(old.X, more.X), y=np.concatenate([old.y, more.y]), **values)
