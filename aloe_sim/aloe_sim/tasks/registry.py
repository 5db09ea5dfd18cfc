"""The scripted experts, one per task."""

from collections.abc import Callable

from aloe_sim.tasks.base import Task
from aloe_sim.tasks.expert_base import CannotHelpError, Expert
from aloe_sim.tasks.laundry_folding.expert import LaundryFoldingExpert
from aloe_sim.tasks.laundry_folding.task import LaundryFolding
from aloe_sim.tasks.phone_assembly.expert import PhoneAssemblyExpert
from aloe_sim.tasks.phone_assembly.task import PhoneAssembly
from aloe_sim.tasks.phone_packing.expert import PhonePackingExpert
from aloe_sim.tasks.phone_packing.task import PhonePacking
from aloe_sim.tasks.reactive_expert import Style
from aloe_sim.tasks.simulation import Simulation
from aloe_sim.tasks.sorting.expert import SortingExpert
from aloe_sim.tasks.sorting.task import Sorting
from aloe_sim.tasks.sorting_several.expert import SortingSeveralExpert
from aloe_sim.tasks.sorting_several.task import SortingSeveral

__all__ = ["EXPERTS", "CannotHelpError", "Expert", "SortingExpert", "Style", "make_expert"]

MakeExpert = Callable[[Simulation, Style | None, int], Expert]
EXPERTS: tuple[tuple[type[Task], MakeExpert], ...] = (
    (SortingSeveral, SortingSeveralExpert),
    (Sorting, SortingExpert),
    (PhonePacking, PhonePackingExpert),
    (PhoneAssembly, PhoneAssemblyExpert),
    (LaundryFolding, LaundryFoldingExpert),
)


def make_expert(sim: Simulation, style: Style | None = None, seed: int = 0) -> Expert:
    """The expert for the task of `sim`, which it watches; `seed` is that of the style's noise.

    Raises:
        ValueError: the task has no expert.
    """
    for task, expert in EXPERTS:
        if isinstance(sim.task, task):
            return expert(sim, style, seed)
    raise ValueError(f"no expert knows the task '{sim.task.name}'")
