"""The simulated task as an attentive onlooker sees it, for scripted humans and for measuring."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aloe_sim.rig.sim_rig import SimRig
from aloe_sim.tasks.base import Task
from aloe_sim.tasks.expert_base import Expert
from aloe_sim.tasks.phone_assembly.task import COVER_HALF_Z_M, PhoneAssembly
from aloe_sim.tasks.phone_packing.task import CASE_FLOOR_M, LIFT_M, PHONE_HALF_M, PhonePacking
from aloe_sim.tasks.sorting.task import BIN_HALF_M, CUBE_HALF_M, SPAWN_X_M, SPAWN_Y_M, Assignment, Sorting

WORKSPACE_M = np.array([[0.05, -0.55, -0.01], [0.65, 0.55, 0.45]])  # lowest and highest corner for tools
STRAY_M = 0.04  # a cube on the table that is farther than this from where cubes start was dropped there
ON_THE_EDGE_M = 0.06  # a phone that lies tilted and is not farther than this from its case lies on the case's edge
LEVEL = 0.999  # cosine of the tilt of what lies flat
EMPTY_M = 0.004  # travel of fingers that have closed on nothing
STILL = 0.03  # m/s and rad/s; what moves more is still on its way
BESIDE_M, ABOVE_M = 0.03, 0.08  # closed fingers so near to an end of the cover mean to press it
CLOSED_M = 0.01  # travel of fingers that can press


@dataclass(frozen=True)
class Situation:
    """How a task stands; the fields are those of aloe_msgs/TaskState."""

    progress: float
    success: bool
    failure: str
    trouble: str
    arms: tuple[str, ...]


@dataclass(frozen=True)
class Trouble:
    """Something to step in for, in words, and an arm that has to do with it beside those that mend it."""

    text: str
    arm: str = ""


def look(sim: SimRig, expert: Expert) -> Situation:
    """How the task of a simulation stands now; `expert` is one for that simulation."""
    task, names, needed = sim.task, [arm.name for arm in sim.rig.arms], expert.arms()
    troubles = [*TROUBLES.get(type(task), _no_troubles)(sim), *_outside(sim, names)]
    involved = {*needed, *(t.arm for t in troubles)} if needed else set()
    return Situation(
        task.progress(sim.data),
        task.success(sim.data),
        task.failure(sim.data),
        "; ".join(t.text for t in troubles),
        tuple(name for name in names if name in involved),
    )


def sorting_troubles(sim: SimRig) -> list[Trouble]:
    """Cubes that were dropped, or are in the wrong hand, or over the wrong bin."""
    assert isinstance(sim.task, Sorting)
    missing = [a for a in sim.task.assignments if not sim.task.is_done(sim.data, a)]
    troubles = (_trouble_with(a, sim) for a in missing)
    return [trouble for trouble in troubles if trouble.text]


def _trouble_with(a: Assignment, sim: SimRig) -> Trouble:
    arm = sim.rig.arms[0 if a.side == "left" else -1].name
    other = "right" if a.side == "left" else "left"
    cube = sim.data.body(a.body).xpos
    holder = next((x.name for x in sim.rig.arms if _grasps(sim, x.name, cube)), "")
    lifted = cube[2] > 2 * CUBE_HALF_M
    if holder and holder != arm and lifted:
        return Trouble(f"{holder} holds the {a.colour} cube, which belongs in the {a.side} bin", holder)
    if holder and np.abs(cube[:2] - Assignment(a.body, a.colour, other).bin_xy).max() < BIN_HALF_M:
        return Trouble(f"the {a.colour} cube is over the {other} bin; it belongs in the {a.side} one", holder)
    lowest, highest = np.transpose([SPAWN_X_M, SPAWN_Y_M])
    stray = np.maximum(lowest - cube[:2], cube[:2] - highest).max() > STRAY_M
    dropped = stray and not holder and not lifted
    return Trouble(f"the {a.colour} cube was dropped outside the bins" if dropped else "")


def phone_troubles(sim: SimRig) -> list[Trouble]:
    """A phone that lies where it cannot stay, and a hand that rests with its fingers closed on nothing."""
    task, data = sim.task, sim.data
    assert isinstance(task, PhonePacking)
    if task.is_packed(data) or task.is_inserted(data):
        return []
    holder, packer = sim.rig.arms[0].name, sim.rig.arms[-1].name
    empty = [name for name in (holder, packer) if sim.joint_positions(name)[-1] < EMPTY_M and _rests(sim, name)]
    troubles = [Trouble(f"{name} has closed its fingers on nothing", name) for name in empty]
    phone, case = data.body("phone"), data.body("case")
    held = abs(float(sim.joint_positions(packer)[-1]) - task.phone_half_m[1]) < 0.003
    if held or np.linalg.norm(phone.cvel) > STILL:
        return troubles
    near = np.linalg.norm(phone.xpos[:2] - case.xpos[:2]) < ON_THE_EDGE_M
    if near and phone.xpos[2] > CASE_FLOOR_M + LIFT_M + PHONE_HALF_M[2] + 0.001:
        troubles.append(Trouble("the phone lies on the edge of the case", packer))
    elif phone.xmat[8] < LEVEL:
        troubles.append(Trouble("the phone does not lie flat", packer))
    return troubles


def assembly_troubles(sim: SimRig) -> list[Trouble]:
    """A cover that came to lie where it cannot stay, and closed fingers over the end whose turn it is not."""
    task, data, names = sim.task, sim.data, [arm.name for arm in sim.rig.arms]
    assert isinstance(task, PhoneAssembly)
    if task.success(data) or task.failure(data):
        return []
    if task.is_seated(data):
        return _wrong_ends(sim, task, names)
    cover = data.body("cover")
    held = any(_holds_cover(sim, name, task) for name in names)
    raised = cover.xpos[2] > COVER_HALF_Z_M + 0.003
    if held or not (raised or cover.xmat[8] < LEVEL) or np.linalg.norm(cover.cvel) > STILL:
        return []
    return [Trouble("the cover lies on the phone, off its pegs")]


def _holds_cover(sim: SimRig, arm: str, task: PhoneAssembly) -> bool:
    cover, opening_m = sim.data.body("cover").xpos, float(sim.joint_positions(arm)[-1])
    near = np.linalg.norm(sim.tool_position(arm) - cover) < 0.03
    return bool(near and abs(opening_m - task.half_m("cover")[0]) < 0.004)


def _wrong_ends(sim: SimRig, task: PhoneAssembly, names: list[str]) -> list[Trouble]:
    """Arms with closed fingers over an end that is not the next one."""
    missing = [end for end in task.order if end not in task.pressed(sim.data)]
    troubles = []
    for end in missing[1:]:
        for name in names:
            away = sim.tool_position(name) - sim.data.site(f"cover_{end}").xpos
            over = np.linalg.norm(away[:2]) < BESIDE_M and away[2] < ABOVE_M
            if over and sim.joint_positions(name)[-1] < CLOSED_M:
                troubles.append(Trouble(f"{name} is about to press the {end} end before the {missing[0]} one", name))
    return troubles


def _rests(sim: SimRig, arm: str) -> bool:
    """Whether an arm does not move: one that has missed and moves may be about to try again."""
    return bool(np.abs(sim.joint_velocities(arm)).max() < STILL)


def _grasps(sim: SimRig, arm: str, cube: NDArray[np.float64]) -> bool:
    """Whether the fingers of an arm are around a cube [3] and as far open as it is wide."""
    opening_m = float(sim.joint_positions(arm)[-1])
    near = np.abs(sim.tool_position(arm) - cube).max() < 0.02
    return bool(near and abs(opening_m - CUBE_HALF_M) < 0.008)


def _no_troubles(sim: SimRig) -> list[Trouble]:
    return []


def _outside(sim: SimRig, arms: list[str]) -> list[Trouble]:
    tools = {name: sim.tool_position(name) for name in arms}
    outside = [n for n, xyz in tools.items() if (xyz < WORKSPACE_M[0]).any() or (xyz > WORKSPACE_M[1]).any()]
    return [Trouble(f"{name} is outside the workspace", name) for name in outside]


TROUBLES: dict[type[Task], Callable[[SimRig], list[Trouble]]] = {
    Sorting: sorting_troubles,
    PhonePacking: phone_troubles,
    PhoneAssembly: assembly_troubles,
}
"""What to step in for, by task; for others only what holds for every task."""
