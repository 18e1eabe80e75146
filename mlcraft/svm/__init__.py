"""Linear support vector machines with the names, parameters and behaviour of `sklearn.svm`."""

from abc import ABCMeta

import sklearn.svm as _reference

from mlcraft.svm._linear_svc import LinearSVC
from mlcraft.svm._linear_svr import LinearSVR

__all__ = ["LinearSVC", "LinearSVR"]

# Code that asks isinstance(model, sklearn.svm.LinearSVR) means the model, not who wrote it.
for _name, _ours in (("LinearSVC", LinearSVC), ("LinearSVR", LinearSVR)):
    _theirs = getattr(_reference, _name)
    if isinstance(_theirs, ABCMeta):
        _theirs.register(_ours)
del _name, _ours, _theirs
