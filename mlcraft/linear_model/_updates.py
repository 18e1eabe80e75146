"""What follows from a fit: partial fits, merging and forgetting."""

__all__ = ["UpdatesMixin"]


class UpdatesMixin:
    """Methods of a fitted linear regression: partial fits, merging and forgetting."""
