"""Accuracy, repeatability and cost of the whole way, measured on simulated exams."""

from bmetk.validation.repeat import repeat_to
from bmetk.validation.validate import ValidationPlan, validate_to

__all__ = ["ValidationPlan", "repeat_to", "validate_to"]
