"""The tasks by name."""

from collections.abc import Callable
from functools import partial

from aloe_data.section import nearest
from aloe_sim.tasks.base import Task
from aloe_sim.tasks.laundry_folding.task import LaundryFolding
from aloe_sim.tasks.phone_assembly.task import PhoneAssembly
from aloe_sim.tasks.phone_packing.task import PhonePacking
from aloe_sim.tasks.sorting.task import Sorting
from aloe_sim.tasks.sorting_several.task import SortingSeveral

__all__ = ["TASKS", "LaundryFolding", "PhoneAssembly", "PhonePacking", "Sorting", "SortingSeveral", "Task", "make_task"]

TASKS: dict[str, Callable[[], Task]] = {
    Sorting.name: Sorting,
    "sorting_3": partial(SortingSeveral, 3),
    "sorting_4": partial(SortingSeveral, 4),
    PhonePacking.name: PhonePacking,
    "phone_packing_tight": partial(PhonePacking, 0.001),
    PhoneAssembly.name: PhoneAssembly,
    LaundryFolding.name: LaundryFolding,
}


def make_task(name: str) -> Task:
    """The task called `name`. Raises ValueError that says which tasks there are."""
    if name not in TASKS:
        raise ValueError(f"unknown task '{name}'; {nearest(name, TASKS)}")
    return TASKS[name]()
