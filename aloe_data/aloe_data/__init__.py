"""Rig description, time alignment, episodes and bags: what every other package reads."""
