"""How good a model is: metrics, comparisons and reports that carry their uncertainty."""
