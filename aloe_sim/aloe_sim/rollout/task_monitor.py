"""The simulated task as an attentive operator sees it: for scripted operators, and for measuring."""

from dataclasses import dataclass

import numpy as np

from aloe_sim.tasks.expert_base import Expert
from aloe_sim.tasks.registry import find_troubles
from aloe_sim.tasks.simulation import Simulation
from aloe_sim.tasks.troubles import Trouble

WORKSPACE_M = np.array([[0.05, -0.55, -0.01], [0.65, 0.55, 0.45]])  # lowest and highest corner for tools


@dataclass(frozen=True)
class Situation:
    """How a task stands; the fields are those of aloe_msgs/TaskState.

    Attributes:
        progress: Share of the goal that is reached, 0 to 1.
        success: Whether the goal is reached.
        failure: Why the goal can no longer count as reached; "" while it can.
        trouble: What to step in for, in words; "" for nothing.
        arms: Names of the arms that are needed from here on, or that have to do with a trouble.
    """

    progress: float
    success: bool
    failure: str
    trouble: str
    arms: tuple[str, ...]


def assess(sim: Simulation, expert: Expert) -> Situation:
    """How the task of a simulation stands now.

    Args:
        sim: The simulation.
        expert: Expert that was made for this simulation.

    Raises:
        ValueError: The registry does not know the task.
    """
    task = sim.task
    needed = expert.arms()
    troubles = [*find_troubles(sim), *_arms_outside(sim)]
    involved = {*needed, *(trouble.arm for trouble in troubles)}
    return Situation(
        progress=task.progress(sim.data),
        success=task.success(sim.data),
        failure=task.failure(sim.data),
        trouble="; ".join(trouble.text for trouble in troubles),
        # Where the expert needs no arm there is nothing to be done, whatever trouble there is.
        arms=tuple(arm.name for arm in sim.rig.arms if needed and arm.name in involved),
    )


def _arms_outside(sim: Simulation) -> list[Trouble]:
    """Arms whose tools have left the workspace."""
    lowest, highest = WORKSPACE_M
    troubles = []
    for arm in sim.rig.arms:
        tool = sim.tool_position(arm.name)
        if (tool < lowest).any() or (tool > highest).any():
            troubles.append(Trouble(f"{arm.name} is outside the workspace", arm.name))
    return troubles
