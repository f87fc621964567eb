"""Measure bone-marrow edema on MRI and follow it from joint to joint. Research use only."""

__version__ = "0.1.0"
