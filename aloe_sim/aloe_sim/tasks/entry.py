"""All that the simulator knows of one task."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from aloe_sim.tasks.base import Task
from aloe_sim.tasks.expert_base import Expert
from aloe_sim.tasks.reactive_expert import Style
from aloe_sim.tasks.simulation import Simulation
from aloe_sim.tasks.troubles import Trouble


@dataclass(frozen=True)
class TaskEntry:
    """One task with its variants, which share all but their making: none can lack what another one has.

    Attributes:
        variants: Functions that make the task, by the names that rig files and `--task` use. The `name` of a made task
            is one of them.
        make_expert: Function that makes the expert for a simulation, of a style of motion and a seed of its noise.
        find_troubles: Function that says what an operator would step in for in the present state.
    """

    variants: Mapping[str, Callable[[], Task]]
    make_expert: Callable[[Simulation, Style | None, int], Expert]
    find_troubles: Callable[[Simulation], list[Trouble]]
