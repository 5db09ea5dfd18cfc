"""Sorting of more cubes, one of which has to be handed over."""

from functools import partial

from aloe_sim.tasks.entry import TaskEntry
from aloe_sim.tasks.sorting_several.expert import SortingSeveralExpert
from aloe_sim.tasks.sorting_several.task import SortingSeveral
from aloe_sim.tasks.sorting_several.troubles import sorting_several_troubles

ENTRY = TaskEntry(
    {"sorting_3": partial(SortingSeveral, 3), "sorting_4": partial(SortingSeveral, 4)},
    SortingSeveralExpert,
    sorting_several_troubles,
)
