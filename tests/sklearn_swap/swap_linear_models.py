"""A pytest plugin (`-p swap_linear_models`): scikit-learn's tests get mlcraft's linear models.

The public names in `sklearn.linear_model` and `sklearn.svm` are replaced before scikit-learn's tests are imported.
Its private modules keep the genuine classes, so that scikit-learn's other estimators work as for any user.  Tests that
name none of the replaced ones are left out.
"""

import inspect
import re
from functools import wraps

import pytest
import sklearn.linear_model
import sklearn.svm

import mlcraft.linear_model
import mlcraft.svm

ROOMS = ((mlcraft.linear_model, sklearn.linear_model), (mlcraft.svm, sklearn.svm))
NAMES = [name for ours, theirs in ROOMS for name in ours.__all__ if hasattr(theirs, name)]
NAMED = re.compile(rf"\b({'|'.join(NAMES)})\b")
calls = dict.fromkeys(NAMES, 0)


def counted(name, function):
    """Count the calls, so that the run can prove that mlcraft was at work in it."""

    @wraps(function)
    def wrapper(*args, **kwargs):
        calls[name] += 1
        return function(*args, **kwargs)

    return wrapper


def pytest_configure():
    for ours, theirs in ROOMS:
        for name in set(ours.__all__) & set(NAMES):
            replacement = getattr(ours, name)
            if isinstance(replacement, type):
                replacement.fit = counted(name, replacement.fit)
            else:
                replacement = counted(name, replacement)
            setattr(theirs, name, replacement)


def names_ours(item):
    """Tell whether the test's source, its parameters, or a helper among them speaks of a replaced name."""
    parameters = item.callspec.params.values() if hasattr(item, "callspec") else ()
    helpers = [inspect.getsource(p) for p in parameters if inspect.isfunction(p)]
    texts = [inspect.getsource(item.function), *map(repr, parameters), *helpers]
    return any(map(NAMED.search, texts))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    items[:] = [item for item in items if names_ours(item)]


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter):
    terminalreporter.write_line("calls: " + " ".join(f"{name}={count}" for name, count in calls.items()))
