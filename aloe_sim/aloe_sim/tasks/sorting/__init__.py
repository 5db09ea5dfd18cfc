"""Sorting: each coloured cube into the bin that the prompt names."""
