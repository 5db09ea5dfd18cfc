"""The scripted experts, one per task."""

from collections.abc import Callable

from aloe_sim.experts.base import CannotHelpError, Expert
from aloe_sim.experts.laundry_folding import LaundryFoldingExpert
from aloe_sim.experts.phone_assembly import PhoneAssemblyExpert
from aloe_sim.experts.phone_packing import PhonePackingExpert
from aloe_sim.experts.reactive import Style
from aloe_sim.experts.sorting import SortingExpert
from aloe_sim.experts.sorting_several import SortingSeveralExpert
from aloe_sim.rig.sim_rig import SimRig
from aloe_sim.tasks import LaundryFolding, PhoneAssembly, PhonePacking, Sorting, SortingSeveral, Task

__all__ = ["EXPERTS", "CannotHelpError", "Expert", "SortingExpert", "Style", "make_expert"]

MakeExpert = Callable[[SimRig, Style | None, int], Expert]
EXPERTS: tuple[tuple[type[Task], MakeExpert], ...] = (
    (SortingSeveral, SortingSeveralExpert),
    (Sorting, SortingExpert),
    (PhonePacking, PhonePackingExpert),
    (PhoneAssembly, PhoneAssemblyExpert),
    (LaundryFolding, LaundryFoldingExpert),
)


def make_expert(sim: SimRig, style: Style | None = None, seed: int = 0) -> Expert:
    """The expert for the task of `sim`, which it watches; `seed` is that of the style's noise.

    Raises:
        ValueError: the task has no expert.
    """
    for task, expert in EXPERTS:
        if isinstance(sim.task, task):
            return expert(sim, style, seed)
    raise ValueError(f"no expert knows the task '{sim.task.name}'")
