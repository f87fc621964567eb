"""Accuracy, repeatability and cost of the whole way, measured on simulated exams."""

from bmetk.validation.validate import validate_to

__all__ = ["validate_to"]
