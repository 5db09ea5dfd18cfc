"""The tasks by name."""

from collections.abc import Callable
from functools import partial

from aloe_data.section import nearest
from aloe_sim.tasks.base import Task
from aloe_sim.tasks.laundry_folding import LaundryFolding
from aloe_sim.tasks.phone_assembly import PhoneAssembly
from aloe_sim.tasks.phone_packing import PhonePacking
from aloe_sim.tasks.sorting import Sorting
from aloe_sim.tasks.sorting_several import SortingSeveral

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
