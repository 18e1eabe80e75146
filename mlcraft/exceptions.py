"""Warnings of mlcraft.  Errors and the other warnings are those of Python and scikit-learn."""

from sklearn.exceptions import ConvergenceWarning

__all__ = ["CollinearityWarning", "ExchangeabilityWarning", "LeverageWarning", "SeparationWarning"]


class CollinearityWarning(UserWarning):
    """The columns are not independent: the coefficients are one of many equally good answers.

    Predictions for rows like those seen in `fit` are as good as ever.  What single coefficients say is not:
    mlcraft returns the solution of smallest norm, and another choice would fit the data exactly as well.

    Examples
    --------
    >>> import warnings
    >>> import numpy as np
    >>> from mlcraft.exceptions import CollinearityWarning
    >>> from mlcraft.linear_model import LinearRegression
    >>> celsius = np.array([11.0, 15.0, 22.0, 30.0, 17.0])
    >>> X = np.column_stack([celsius, 1.8 * celsius + 32])
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     model = LinearRegression().fit(X, 3 * celsius)
    >>> caught[0].category is CollinearityWarning
    True
    """


class ExchangeabilityWarning(UserWarning):
    """Rows look as if new ones could not be exchanged with them, which is what intervals with a guarantee rest on.

    They come in the order of time, or many are repeated on both sides of a split between training and calibration.
    The intervals are what they would be; how often they cover new rows is what the warning is about.

    Examples
    --------
    >>> from mlcraft.exceptions import ExchangeabilityWarning
    >>> issubclass(ExchangeabilityWarning, UserWarning)
    True
    """


class LeverageWarning(UserWarning):
    """A row is fitted exactly whatever its target is, so that no other row can tell what it should be.

    Usually a column is non-zero in that row alone: a category that occurs once.  What a model says of leaving out such
    a row refers to the solution of least norm.

    Examples
    --------
    >>> import warnings
    >>> import numpy as np
    >>> from mlcraft.exceptions import LeverageWarning
    >>> from mlcraft.linear_model import LinearRegression
    >>> X = np.array([[1.0, 0.0], [2.0, 0.0], [4.0, 0.0], [3.0, 1.0]])
    >>> y = np.array([1.0, 2.0, 3.0, 9.0])
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     predictions = LinearRegression().fit(X, y).loo_predict_(X, y)
    >>> caught[0].category is LeverageWarning
    True
    """


class SeparationWarning(ConvergenceWarning):  # type: ignore[misc]  # scikit-learn has no types
    """Classes are told apart perfectly, and nothing keeps the coefficients finite: a penalty would.

    The likelihood grows as long as the coefficients do (Albert and Anderson 1984), so what is returned is where the fit
    stopped.  Its probabilities are near 0 or 1 as they should be; single coefficients have no meaning.

    Examples
    --------
    >>> import warnings
    >>> import numpy as np
    >>> from mlcraft.exceptions import SeparationWarning
    >>> from sklearn.exceptions import ConvergenceWarning
    >>> issubclass(SeparationWarning, ConvergenceWarning)
    True
    """
