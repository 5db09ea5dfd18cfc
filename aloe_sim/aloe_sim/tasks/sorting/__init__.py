"""Sorting: each coloured cube into the bin that the prompt names."""

from functools import partial

from aloe_sim.tasks.entry import TaskEntry
from aloe_sim.tasks.sorting.expert import SortingExpert
from aloe_sim.tasks.sorting.task import Sorting
from aloe_sim.tasks.sorting.troubles import sorting_troubles

ENTRY = TaskEntry({"sorting": Sorting, "sorting_1": partial(Sorting, 1)}, SortingExpert, sorting_troubles)
