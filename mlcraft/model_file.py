"""Model files (``.mlc``): fitted models as plain data, with nothing in them that runs.

A file can name one of mlcraft's estimators, its parameters and its arrays, nothing else; so a file from a
stranger may give wrong predictions, but is safe to load. See `mlcraft._model_container` for the bytes.
"""

from __future__ import annotations

import math
import os
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from importlib import metadata
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcraft._engine.factor import Factor, Kept, SumsOfSquares
from mlcraft._engine.information import LikelihoodFit
from mlcraft._model_container import ModelFileError, read_container, write_container
from mlcraft._model_values import pack, unpack

__all__ = ["ModelFileError", "TabularModel", "load_model", "save_model"]

_CLASSIFIERS = (
    "FirthLogisticRegression",
    "LinearSVC",
    "LogisticRegression",
    "LogisticRegressionCV",
    "PassiveAggressiveClassifier",
    "Perceptron",
    "RidgeClassifier",
    "RidgeClassifierCV",
    "SGDClassifier",
)
_ESTIMATORS = (
    "ARDRegression",
    "BayesianRidge",
    "LinearRegression",
    "LinearSVR",
    "PassiveAggressiveRegressor",
    "QuantileRegressor",
    "Ridge",
    "RidgeCV",
    "SGDOneClassSVM",
    "SGDRegressor",
    *_CLASSIFIERS,
)
_BINARISED = ("RidgeClassifier", "RidgeClassifierCV")  # those that keep a LabelBinarizer
_ATTRIBUTES = (
    "coef_",
    "intercept_",
    "n_features_in_",
    "feature_names_in_",
    "classes_",
    "rank_",
    "n_iter_",
    "solver_",
    "condition_",
    "alpha_",
    "lambda_",
    "sigma_",
    "X_offset_",
    "X_scale_",
    "best_score_",
    "certificate_",
    "C_",
    "Cs_",
    "l1_ratio_",
    "offset_",
    "t_",
    "_standard_coef",  # where training stands
    "_average_coef",
    "_standard_intercept",
    "_average_intercept",
)
_LABEL_TYPES = ("binary", "multiclass", "multilabel-indicator")


@dataclass(slots=True)
class TabularModel:
    """An estimator together with the way a table becomes its matrix; what ``mlcraft fit --save`` writes.

    Attributes
    ----------
    estimator : LinearRegression, Ridge or RidgeClassifier
        The fitted estimator.
    encoder : dict
        JSON data: how each column of a table becomes numbers.
    info : dict
        JSON data: where the model comes from and how good it was.
    """

    estimator: Any
    encoder: dict[str, Any]
    info: dict[str, Any] = field(default_factory=dict)


def save_model(path: str | os.PathLike[str], model: Any) -> None:
    """Write a fitted model to a file, whole or not at all.

    Parameters
    ----------
    path : str or path
        Where to write; an existing file is replaced in one step.
    model : LinearRegression, LogisticRegression, Ridge, RidgeClassifier or TabularModel
        The fitted model. The kept factor is not stored.

    Raises
    ------
    ModelFileError
        If the model is not fitted, not one of these classes, or holds something that is not data.
    OSError
        If the file cannot be written.

    See Also
    --------
    load_model : The way back, with an example.
    """
    arrays: list[NDArray[Any]] = []
    table = model if isinstance(model, TabularModel) else None
    header: dict[str, Any] = {
        "written_by": f"mlcraft {_version()}",
        "estimator": _describe(model if table is None else table.estimator, arrays),
    }
    if table is not None:
        header |= {"encoder": table.encoder, "info": table.info}
    write_container(os.fspath(path), header, arrays)


def load_model(path: str | os.PathLike[str]) -> Any:
    """Read a model file.

    Parameters
    ----------
    path : str or path
        A file written by `save_model` or by ``mlcraft fit --save``.

    Returns
    -------
    LinearRegression, LogisticRegression, Ridge, RidgeClassifier or TabularModel
        The fitted model; its predictions and what follows from its factor equal those before saving bit for bit.

    Raises
    ------
    ModelFileError
        If the file is damaged, no model file, written by a newer version, or inconsistent.
    OSError
        If the file cannot be read.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> from mlcraft.linear_model import Ridge
    >>> from mlcraft.model_file import load_model, save_model
    >>> X = np.array([[0.0], [1.0], [2.0]])
    >>> model = Ridge(alpha=0.5).fit(X, [1.0, 3.0, 4.0])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_model(os.path.join(folder, "ridge.mlc"), model)
    ...     again = load_model(os.path.join(folder, "ridge.mlc"))
    >>> again, bool((again.predict(X) == model.predict(X)).all())
    (Ridge(alpha=0.5), True)
    """
    name = os.fspath(path)
    header, arrays = read_container(name)
    try:
        estimator = _restore(header.get("estimator"), arrays)
        if "encoder" not in header:
            return estimator
        encoder, info = header["encoder"], header.get("info", {})
        if not (isinstance(encoder, dict) and isinstance(info, dict)):
            raise ModelFileError("its description of the table is not an object")
    except ModelFileError as error:
        raise ModelFileError(f"'{name}' is not a sound model file: {error}") from None
    except RecursionError:
        raise ModelFileError(f"'{name}' is not a sound model file: it is nested too deeply") from None
    return TabularModel(estimator, encoder, info)


def _version() -> str:
    try:
        return metadata.version("mlcraft")
    except metadata.PackageNotFoundError:
        return "(not installed)"


def _class_of(kind: str) -> Any:
    from mlcraft import linear_model, svm

    return getattr(svm if kind in svm.__all__ else linear_model, kind)


def _describe(model: Any, arrays: list[NDArray[Any]]) -> dict[str, Any]:
    """Describe an estimator in JSON; its arrays go to `arrays`."""
    kind = type(model).__name__
    if kind not in _ESTIMATORS or type(model) is not _class_of(kind):
        known = ", ".join(_ESTIMATORS)
        raise ModelFileError(f"cannot store a {type(model).__qualname__}; model files hold mlcraft's {known}")
    if not hasattr(model, "coef_"):
        raise ModelFileError(f"this {kind} is not fitted; call fit first")
    found = {name: getattr(model, name) for name in _ATTRIBUTES if hasattr(model, name)}
    if np.ndim(found.get("n_iter_", 0)) > 1:  # of every fit of a search
        del found["n_iter_"]
    description: dict[str, Any] = {
        "class": kind,
        "params": {name: pack(name, value, arrays) for name, value in model.get_params(deep=False).items()},
        "attributes": {name: pack(name, value, arrays) for name, value in found.items()},
    }
    kept: dict[str, Any] = {"factor": getattr(model, "factor_", None), "sums": getattr(model, "sums_of_squares_", None)}
    kept["likelihood"] = getattr(model, "_likelihood", None)
    description["kept"] = {
        name: pack(name, asdict(part), arrays) for name, part in kept.items() if part is not None and _is_finite(part)
    }
    if "trace_" in vars(model):
        columns = asdict(model.trace_).items()
        description["trace"] = {name: pack(name, part, arrays) for name, part in columns if np.isfinite(part).all()}
    if kind in _BINARISED:
        description["label_type"] = model._label_binarizer.y_type_
    return description


def _is_finite(part: Any) -> bool:
    """Tell whether a file may hold it: sums that left the range of double precision are not kept."""
    values = (getattr(part, field.name) for field in fields(part))
    return all(
        _is_finite(value) if is_dataclass(value) else np.all(np.isfinite(value))
        for value in values
        if value is not None
    )


def _restore_training(estimator: Any, trace: Any, arrays: list[NDArray[Any]]) -> None:
    from mlcraft.linear_model._sgd_trace import check_standing, trace_of

    try:
        check_standing(estimator)
        if isinstance(trace, dict):
            estimator.trace_ = trace_of({str(name): unpack(column, arrays) for name, column in trace.items()})
    except ValueError as error:
        raise ModelFileError(str(error)) from None


def _restore(description: Any, arrays: list[NDArray[Any]]) -> Any:
    """Rebuild an estimator from its description."""
    if not isinstance(description, dict):
        raise ModelFileError("it does not describe an estimator")
    kind, params, attributes = (description.get(key) for key in ("class", "params", "attributes"))
    if not isinstance(kind, str) or kind not in _ESTIMATORS:
        raise ModelFileError(f"it holds an estimator this version does not know: {str(kind)[:80]!r}")
    if not isinstance(params, dict) or not isinstance(attributes, dict):
        raise ModelFileError("it does not describe an estimator")
    estimator = _class_of(kind)()
    unknown = [*(set(params) - set(estimator.get_params(deep=False))), *(set(attributes) - set(_ATTRIBUTES))]
    if unknown:
        raise ModelFileError(f"a {kind} has no parameter or attribute {str(unknown[0])[:80]!r}")
    for name, value in (params | attributes).items():
        setattr(estimator, name, unpack(value, arrays))
    _check_shapes(vars(estimator), "offset_" if kind == "SGDOneClassSVM" else "intercept_")
    _restore_training(estimator, description.get("trace"), arrays)
    kept = _restore_kept(description.get("kept", {}), arrays, estimator.coef_)
    estimator._kept = kept.made_with(*_made_with(estimator, kept))
    likelihood = description.get("kept", {}).get("likelihood")
    if likelihood is not None:
        estimator._likelihood = _restore_likelihood(unpack(likelihood, arrays), estimator)
    if kind in _CLASSIFIERS:
        _check_classes(estimator)
    if kind in _BINARISED:
        _restore_labels(estimator, description.get("label_type"))
    return estimator


def _made_with(estimator: Any, kept: Kept) -> tuple[bool, Any]:
    """Return whether the fit had an intercept, and its penalty or penalties, as far as the file tells."""
    fitted = vars(estimator)
    intercept = fitted.get("intercept_")
    alpha = fitted.get("alpha_", fitted.get("alpha", 0.0))
    try:
        alpha = np.asarray(alpha, dtype=np.float64)
    except (TypeError, ValueError):
        alpha = None
    else:
        if alpha.size == 1 and kept.factor is not None:
            alpha = kept.factor.alpha
    return not (type(intercept) is float and intercept == 0.0), alpha  # what a fit without intercept sets


def _restore_kept(description: Any, arrays: list[NDArray[Any]], coef: NDArray[Any]) -> Kept:
    """Rebuild the factor and the sums of squares, where the file has them."""
    if not isinstance(description, dict) or set(description) - {"factor", "sums", "likelihood"}:
        raise ModelFileError("what it keeps of the fit is described wrongly")
    parts = {name: unpack(value, arrays) for name, value in description.items() if name != "likelihood"}
    n_features, n_targets = coef.shape[-1], coef.shape[0] if coef.ndim == 2 else 1
    factor, sums = None, None
    if "factor" in parts:
        factor = _factor(parts["factor"], n_features)
    if "sums" in parts:
        sums = _typed(SumsOfSquares, parts["sums"])
        if any(part.shape != (n_targets,) for part in (sums.y_mean, sums.total, sums.residual)):
            raise ModelFileError("its sums of squares do not fit its coefficients")
    return Kept(factor=factor, sums=sums)


def _factor(values: Any, n_features: int) -> Factor:
    factor: Factor = _typed(Factor, values)
    size = len(factor.lower)
    shapes = (factor.lower.shape, factor.scale.shape, factor.mean.shape)
    if shapes != ((size, size), (0 if factor.dual else size,), (n_features,)):
        raise ModelFileError("its factor does not fit its coefficients")
    return factor


def _restore_likelihood(values: Any, estimator: Any) -> LikelihoodFit:
    """Rebuild what inference about a logistic fit needs of its rows."""
    n_features, n_classes = estimator.coef_.shape[-1], len(vars(estimator).get("classes_", ()))
    if isinstance(values, dict) and values.get("factor") is not None:
        values = {**values, "factor": _factor(values["factor"], n_features)}
    likelihood: LikelihoodFit = _typed(LikelihoodFit, values)
    size = (n_classes - 1) * (n_features + int(likelihood.fit_intercept))
    shapes = {"matrix": (size, size), "mean": (n_features,)}
    shapes |= dict.fromkeys(("class_weights", "own_weight", "class_factors"), (n_classes,))
    for name, shape in shapes.items():
        found = getattr(likelihood, name)
        if found is not None and found.shape != shape:
            raise ModelFileError(f"{name} of its LikelihoodFit does not fit its coefficients")
    return likelihood


def _typed(kind: type[Any], values: Any) -> Any:
    """Make a dataclass of arrays and plain numbers if every field is there and of its type."""
    types = {"NDArray": np.ndarray, "Doubles": np.ndarray, "float": float, "int": int, "bool": bool, "Factor": Factor}
    texts = {field.name: str(field.type) for field in fields(kind)}
    wanted = {name: types[text.removesuffix(" | None")] for name, text in texts.items()}
    if not isinstance(values, dict) or set(values) != set(wanted):
        raise ModelFileError(f"its {kind.__name__} is described wrongly")
    for name, value in values.items():
        if value is None and texts[name].endswith(" | None"):
            continue
        if type(value) is not wanted[name] or (isinstance(value, np.ndarray) and value.dtype != np.float64):
            raise ModelFileError(f"{name} of its {kind.__name__} has the wrong type")
    return kind(**values)


def _check_shapes(fitted: dict[str, Any], intercept_name: str) -> None:
    """Check that the fitted attributes agree, so that predict finds what it reads."""
    coef, intercept = fitted.get("coef_"), fitted.get(intercept_name)
    n_features, names = fitted.get("n_features_in_"), fitted.get("feature_names_in_")
    if not isinstance(coef, np.ndarray) or coef.dtype.kind != "f" or coef.ndim not in (1, 2) or not coef.size:
        raise ModelFileError("its coefficients are missing or not numbers")
    if type(n_features) is not int or coef.shape[-1] != n_features:
        raise ModelFileError("its number of coefficients does not fit its number of columns")
    n_targets = coef.shape[0] if coef.ndim == 2 else 1
    if isinstance(intercept, np.ndarray):
        fits = intercept.dtype.kind == "f" and intercept.shape in ((), (n_targets,))
    else:
        fits = isinstance(intercept, (float, np.floating)) and math.isfinite(intercept)
    if not fits:
        raise ModelFileError("its intercept is missing or does not fit its coefficients")
    if names is not None and not (isinstance(names, np.ndarray) and names.shape == (n_features,)):
        raise ModelFileError("its column names do not fit its coefficients")


def _check_classes(estimator: Any) -> None:
    """Check that a classifier's labels fit its coefficients."""
    classes = vars(estimator).get("classes_")
    n_outputs = len(estimator.coef_) if estimator.coef_.ndim == 2 else 1
    if not isinstance(classes, np.ndarray) or classes.ndim != 1:
        raise ModelFileError("its classes are missing")
    if len(classes) != n_outputs and not (n_outputs == 1 and len(classes) == 2):
        raise ModelFileError("its classes do not fit its coefficients")


def _restore_labels(estimator: Any, label_type: Any) -> None:
    """Give a classifier by ridge regression its labels back."""
    from sklearn.preprocessing import LabelBinarizer

    if label_type not in _LABEL_TYPES:
        raise ModelFileError("its classes are missing")
    binarizer = LabelBinarizer(pos_label=1, neg_label=-1)
    binarizer.classes_, binarizer.y_type_, binarizer.sparse_input_ = estimator.classes_, label_type, False
    estimator._label_binarizer = binarizer
