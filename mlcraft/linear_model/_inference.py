"""What follows from a fit: standard errors, intervals and tests."""

__all__ = ["InferenceMixin"]


class InferenceMixin:
    """Methods of a fitted linear regression: standard errors, intervals and tests."""
