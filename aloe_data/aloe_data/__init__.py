"""Rig description, time alignment, episodes and bags: what every other package reads."""

__version__ = "0.1.0"
