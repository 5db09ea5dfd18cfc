"""Troubles of sorting: cubes that were dropped, or are in the wrong hand, or over the wrong bin."""

import numpy as np
from numpy.typing import NDArray

from aloe_sim.tasks.simulation import Simulation
from aloe_sim.tasks.sorting.task import BIN_HALF_M, CUBE_HALF_M, SPAWN_X_M, SPAWN_Y_M, Assignment, Sorting
from aloe_sim.tasks.troubles import Trouble

STRAY_M = 0.04  # a cube on the table that is farther than this from where cubes start was dropped there


def sorting_troubles(sim: Simulation) -> list[Trouble]:
    """What is wrong with the cubes that are not yet in their bins."""
    troubles = []
    for assignment in unsorted(sim):
        trouble = wrong_hand(sim, assignment) or wrong_bin(sim, assignment)
        trouble = trouble or dropped(sim, assignment, SPAWN_X_M, SPAWN_Y_M)
        if trouble is not None:
            troubles.append(trouble)
    return troubles


def unsorted(sim: Simulation) -> list[Assignment]:
    """The cubes that are not in their bins."""
    task = sim.task
    assert isinstance(task, Sorting)
    return [assignment for assignment in task.assignments if not task.is_done(sim.data, assignment)]


def wrong_hand(sim: Simulation, assignment: Assignment) -> Trouble | None:
    """A cube that was lifted by the arm at the other bin."""
    own = sim.rig.arms[0 if assignment.side == "left" else -1].name
    holder = holder_of(sim, assignment)
    if not holder or holder == own or not _is_lifted(sim, assignment):
        return None
    text = f"{holder} holds the {assignment.colour} cube, which belongs in the {assignment.side} bin"
    return Trouble(text, holder)


def wrong_bin(sim: Simulation, assignment: Assignment) -> Trouble | None:
    """A cube that is held over the other bin."""
    holder = holder_of(sim, assignment)
    other = assignment.swapped
    away = np.abs(_position(sim, assignment)[:2] - other.bin_xy).max()
    if not holder or away >= BIN_HALF_M:
        return None
    text = f"the {assignment.colour} cube is over the {other.side} bin; it belongs in the {assignment.side} one"
    return Trouble(text, holder)


def dropped(
    sim: Simulation, assignment: Assignment, x_m: tuple[float, float], y_m: tuple[float, float]
) -> Trouble | None:
    """A cube that lies on the table outside the area where it may lie.

    Args:
        sim: Simulation of the scene.
        assignment: The cube.
        x_m: Lowest and highest x of the area.
        y_m: Lowest and highest y of the area.
    """
    lowest, highest = np.transpose([x_m, y_m])
    cube = _position(sim, assignment)
    stray = np.maximum(lowest - cube[:2], cube[:2] - highest).max() > STRAY_M
    if not stray or holder_of(sim, assignment) or _is_lifted(sim, assignment):
        return None
    return Trouble(f"the {assignment.colour} cube was dropped outside the bins")


def holder_of(sim: Simulation, assignment: Assignment) -> str:
    """Name of the arm whose fingers are around a cube and as far open as it is wide; "" for none."""
    cube = _position(sim, assignment)
    for arm in sim.rig.arms:
        opening_m = float(sim.joint_positions(arm.name)[-1])
        near = np.abs(sim.tool_position(arm.name) - cube).max() < 0.02
        if near and abs(opening_m - CUBE_HALF_M) < 0.008:
            return arm.name
    return ""


def _is_lifted(sim: Simulation, assignment: Assignment) -> bool:
    return bool(_position(sim, assignment)[2] > 2 * CUBE_HALF_M)


def _position(sim: Simulation, assignment: Assignment) -> NDArray[np.float64]:
    return sim.data.body(assignment.body).xpos
