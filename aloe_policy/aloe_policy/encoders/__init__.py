"""Frozen image encoders: what is stored of every frame in place of its pixels."""
