"""What follows from a fit: leave-one-out, leverage and influence."""

__all__ = ["InfluenceMixin"]


class InfluenceMixin:
    """Methods of a fitted linear regression: leave-one-out, leverage and influence."""
