"""Warnings of mlcraft.  Errors and the other warnings are those of Python and scikit-learn."""

__all__ = ["CollinearityWarning"]


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
