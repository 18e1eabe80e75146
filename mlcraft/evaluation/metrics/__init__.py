"""Metrics under scikit-learn's names, one sort behind those of a ranking."""
