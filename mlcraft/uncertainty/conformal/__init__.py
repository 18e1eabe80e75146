"""Conformal prediction: intervals and sets that cover new rows as often as asked, whatever the model."""
