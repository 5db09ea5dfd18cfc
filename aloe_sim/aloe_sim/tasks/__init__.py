"""The tasks by name."""

from collections.abc import Callable

from aloe_data.section import nearest
from aloe_sim.tasks.base import Task
from aloe_sim.tasks.phone_assembly import PhoneAssembly
from aloe_sim.tasks.phone_packing import PhonePacking
from aloe_sim.tasks.sorting import Sorting

__all__ = ["TASKS", "PhoneAssembly", "PhonePacking", "Sorting", "Task", "make_task"]

TASKS: dict[str, Callable[[], Task]] = {
    Sorting.name: Sorting,
    PhonePacking.name: PhonePacking,
    PhoneAssembly.name: PhoneAssembly,
}


def make_task(name: str) -> Task:
    """The task called `name`. Raises ValueError that says which tasks there are."""
    if name not in TASKS:
        raise ValueError(f"unknown task '{name}'; {nearest(name, TASKS)}")
    return TASKS[name]()
