"""
Linear models that are fast and say how sure they are.

``mlcraft.linear_model`` and ``mlcraft.svm`` hold estimators with the names, parameters and behaviour of scikit-learn's;
``mlcraft.solve`` is the functional front for other tools; ``mlcraft.jit`` holds readable twins of the compiled kernels.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from mlcraft._core import __version__
from mlcraft._engine.config import config_context, get_config, set_config
from mlcraft._system import get_include, show_versions
from mlcraft.solve import Solution, solve, solvers_for  # at once: the function hides the module of this name

if TYPE_CHECKING:
    from mlcraft import datasets, evaluation, jit, linear_model, plots, svm
    from mlcraft.kernels import gram, hessian, predict_linear, value_and_gradient
    from mlcraft.model_file import ModelFileError, load_model, save_model
    from mlcraft.moments import Moments

__all__ = [
    "ModelFileError",
    "Moments",
    "Solution",
    "__version__",
    "config_context",
    "datasets",
    "evaluation",
    "get_config",
    "get_include",
    "gram",
    "hessian",
    "jit",
    "linear_model",
    "load_model",
    "plots",
    "predict_linear",
    "save_model",
    "set_config",
    "show_versions",
    "solve",
    "solvers_for",
    "svm",
    "value_and_gradient",
]

# Imported on first use: `import mlcraft` takes no time and loads neither Numba nor a plotting library.
_LAZY = {
    "ModelFileError": ("mlcraft.model_file", "ModelFileError"),
    "Moments": ("mlcraft.moments", "Moments"),
    "datasets": ("mlcraft.datasets", None),
    "evaluation": ("mlcraft.evaluation", None),
    "gram": ("mlcraft.kernels", "gram"),
    "hessian": ("mlcraft.kernels", "hessian"),
    "predict_linear": ("mlcraft.kernels", "predict_linear"),
    "value_and_gradient": ("mlcraft.kernels", "value_and_gradient"),
    "jit": ("mlcraft.jit", None),
    "linear_model": ("mlcraft.linear_model", None),
    "plots": ("mlcraft.plots", None),
    "load_model": ("mlcraft.model_file", "load_model"),
    "save_model": ("mlcraft.model_file", "save_model"),
    "svm": ("mlcraft.svm", None),
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'mlcraft' has no attribute {name!r}")
    path, attribute = _LAZY[name]
    module = importlib.import_module(path)
    value = module if attribute is None else getattr(module, attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
