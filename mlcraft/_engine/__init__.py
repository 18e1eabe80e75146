"""Between the estimators and the compiled core: validation, choice of a solver, statuses."""
