"""The tasks of the simulated rig, and what belongs to each."""

from collections.abc import Iterable
from importlib import import_module

from aloe_data.section import nearest
from aloe_sim.tasks.base import Task
from aloe_sim.tasks.entry import TaskEntry
from aloe_sim.tasks.expert_base import Expert
from aloe_sim.tasks.reactive_expert import Style
from aloe_sim.tasks.simulation import Simulation
from aloe_sim.tasks.troubles import Trouble

FOLDERS = (
    "sorting",
    "sorting_several",
    "phone_packing",
    "phone_assembly",
    "laundry_folding",
)
"""Folders beside this file, each with an `ENTRY`. A task of your own is one more folder, and one more line here."""


def load_entries(folders: Iterable[str]) -> dict[str, TaskEntry]:
    """The entries of tasks, by the names of their variants.

    Args:
        folders: Names of folders beside this file.
    """
    entries: dict[str, TaskEntry] = {}
    for folder in folders:
        entry: TaskEntry = import_module(f"aloe_sim.tasks.{folder}").ENTRY
        entries.update(dict.fromkeys(entry.variants, entry))
    return entries


TASKS = load_entries(FOLDERS)


def make_task(name: str) -> Task:
    """The task called `name`.

    Raises:
        ValueError: There is none; the message says which there are.
    """
    if name not in TASKS:
        raise ValueError(f"unknown task '{name}'; {nearest(name, TASKS)}")
    return TASKS[name].variants[name]()


def make_expert(sim: Simulation, style: Style | None = None, seed: int = 0) -> Expert:
    """The expert for the task of a simulation, which it watches.

    Args:
        sim: The simulation.
        style: How the expert moves; None: in its usual way.
        seed: Seed of the style's noise.

    Raises:
        ValueError: The task has no entry, or the rig lacks what the expert needs.
    """
    return _entry_of(sim.task).make_expert(sim, style, seed)


def find_troubles(sim: Simulation) -> list[Trouble]:
    """What an operator would step in for, by the task of a simulation.

    Raises:
        ValueError: The task has no entry.
    """
    return _entry_of(sim.task).find_troubles(sim)


def _entry_of(task: Task) -> TaskEntry:
    if task.name not in TASKS:
        raise ValueError(f"no expert knows the task '{task.name}'; {nearest(task.name, TASKS)}")
    return TASKS[task.name]
