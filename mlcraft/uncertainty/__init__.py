"""How sure a fit is: standard errors, intervals, tests and influence, from the factor that a fit leaves."""

__all__: list[str] = []
