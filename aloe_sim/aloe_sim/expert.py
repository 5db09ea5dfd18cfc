"""The sorting expert by its first name; it lives in `aloe_sim.experts`."""

from aloe_sim.experts.sorting import SortingExpert

__all__ = ["SortingExpert"]
