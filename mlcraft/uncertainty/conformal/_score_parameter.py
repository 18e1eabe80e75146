"""A parameter called `score` beside scikit-learn's method of that name."""

from __future__ import annotations

from typing import Any

__all__ = ["NamesScore", "ScoreParameter"]


class ScoreParameter:
    """
    What is assigned is the parameter, what is read is the method.

    ``Conformal(score="gamma")``, `get_params`, `set_params` and `clone` know the conformity score; ``model.score(X,
    y)`` stays the R2 or the accuracy that scikit-learn's tools call.
    """

    def __get__(self, instance: Any, owner: Any) -> Any:
        """Return the method of the class's other bases."""
        found = next(vars(base)["score"] for base in owner.__mro__ if callable(vars(base).get("score")))
        return found if instance is None else found.__get__(instance, owner)

    def __set__(self, instance: Any, value: Any) -> None:
        """Keep the parameter."""
        instance.__dict__["score"] = value


class NamesScore:
    """Estimators whose parameter `score` is a conformity score: the class body says ``score = ScoreParameter()``."""

    @property
    def _conformity(self) -> Any:
        return self.__dict__["score"]

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Get the parameters of this estimator.

        Parameters
        ----------
        deep : bool, default=True
            Whether to include those of the estimators in it.

        Returns
        -------
        dict
        """
        params: dict[str, Any] = super().get_params(deep=deep)  # type: ignore[misc]  # scikit-learn's
        params["score"] = self._conformity
        return params
