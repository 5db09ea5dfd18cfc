"""Sorting: each coloured cube into the bin that the prompt names."""

from aloe_sim.tasks.entry import TaskEntry
from aloe_sim.tasks.sorting.expert import SortingExpert
from aloe_sim.tasks.sorting.task import Sorting
from aloe_sim.tasks.sorting.troubles import sorting_troubles

ENTRY = TaskEntry({"sorting": Sorting}, SortingExpert, sorting_troubles)
