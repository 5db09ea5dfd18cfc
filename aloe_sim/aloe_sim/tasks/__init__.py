"""The tasks by name."""

from aloe_sim.tasks.base import Task
from aloe_sim.tasks.sorting import Sorting

__all__ = ["TASKS", "Sorting", "Task", "make_task"]

TASKS: dict[str, type[Task]] = {Sorting.name: Sorting}


def make_task(name: str) -> Task:
    """The task called `name`. Raises ValueError that lists the tasks there are."""
    if name not in TASKS:
        raise ValueError(f"unknown task '{name}'; tasks: {', '.join(sorted(TASKS))}")
    return TASKS[name]()
