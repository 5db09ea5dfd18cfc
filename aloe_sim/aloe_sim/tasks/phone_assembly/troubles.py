"""Troubles of phone assembly: a cover that lies where it cannot stay, and fingers over the end whose turn it is not."""

import numpy as np

from aloe_sim.tasks.phone_assembly.task import COVER_HALF_Z_M, PhoneAssembly
from aloe_sim.tasks.simulation import Simulation
from aloe_sim.tasks.troubles import LEVEL, STILL, Trouble

BESIDE_M = 0.03  # closed fingers this near to an end of the cover, from above, mean to press it
ABOVE_M = 0.08  # and no farther above it than this
CLOSED_M = 0.01  # travel of fingers that can press


def assembly_troubles(sim: Simulation) -> list[Trouble]:
    """What is wrong with the cover, or with the order in which its ends are pressed."""
    task = sim.task
    assert isinstance(task, PhoneAssembly)
    if task.success(sim.data) or task.failure(sim.data):
        return []
    if task.is_seated(sim.data):
        return _wrong_ends(sim, task)
    cover = sim.data.body("cover")
    held = any(_holds_cover(sim, arm.name, task) for arm in sim.rig.arms)
    raised = cover.xpos[2] > COVER_HALF_Z_M + 0.003
    lies_flat = not raised and cover.xmat[8] >= LEVEL
    if held or lies_flat or np.linalg.norm(cover.cvel) > STILL:
        return []
    return [Trouble("the cover lies on the phone, off its pegs")]


def _holds_cover(sim: Simulation, arm: str, task: PhoneAssembly) -> bool:
    cover = sim.data.body("cover").xpos
    opening_m = float(sim.joint_positions(arm)[-1])
    near = np.linalg.norm(sim.tool_position(arm) - cover) < 0.03
    return bool(near and abs(opening_m - task.half_m("cover")[0]) < 0.004)


def _wrong_ends(sim: Simulation, task: PhoneAssembly) -> list[Trouble]:
    """Arms with closed fingers over an end that is not the next one."""
    pressed = task.pressed(sim.data)
    missing = [end for end in task.order if end not in pressed]
    troubles = []
    for end in missing[1:]:
        for arm in sim.rig.arms:
            if _means_to_press(sim, arm.name, end):
                text = f"{arm.name} is about to press the {end} end before the {missing[0]} one"
                troubles.append(Trouble(text, arm.name))
    return troubles


def _means_to_press(sim: Simulation, arm: str, end: str) -> bool:
    away = sim.tool_position(arm) - sim.data.site(f"cover_{end}").xpos
    over = np.linalg.norm(away[:2]) < BESIDE_M and away[2] < ABOVE_M
    return bool(over and sim.joint_positions(arm)[-1] < CLOSED_M)
