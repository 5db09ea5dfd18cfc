"""Sorting of more cubes, one of which has to be handed over."""
