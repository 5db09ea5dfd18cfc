"""Troubles of phone packing: a phone that lies where it cannot stay, and fingers that have closed on nothing."""

import numpy as np

from aloe_sim.tasks.phone_packing.task import CASE_FLOOR_M, LIFT_M, PHONE_HALF_M, PhonePacking
from aloe_sim.tasks.simulation import Simulation
from aloe_sim.tasks.troubles import LEVEL, STILL, Trouble

ON_THE_EDGE_M = 0.06  # a phone that lies tilted and is not farther than this from its case lies on the case's edge
EMPTY_M = 0.004  # travel of fingers that have closed on nothing


def phone_troubles(sim: Simulation) -> list[Trouble]:
    """What is wrong with the phone and with the hands."""
    task = sim.task
    assert isinstance(task, PhonePacking)
    if task.is_packed(sim.data) or task.is_inserted(sim.data):
        return []
    holder = sim.rig.arms[0].name
    packer = sim.rig.arms[-1].name
    troubles = [
        Trouble(f"{arm} has closed its fingers on nothing", arm)
        for arm in (holder, packer)
        if _has_closed_on_nothing(sim, arm)
    ]
    lies_wrong = _phone_trouble(sim, task, packer)
    if lies_wrong:
        troubles.append(Trouble(lies_wrong, packer))
    return troubles


def _has_closed_on_nothing(sim: Simulation, arm: str) -> bool:
    """Whether a closed hand rests: one that has missed and moves may be about to try again."""
    rests = np.abs(sim.joint_velocities(arm)).max() < STILL
    return bool(sim.joint_positions(arm)[-1] < EMPTY_M and rests)


def _phone_trouble(sim: Simulation, task: PhonePacking, packer: str) -> str:
    """How a phone that has come to rest lies wrong; "" where it does not."""
    phone = sim.data.body("phone")
    case = sim.data.body("case")
    held = abs(float(sim.joint_positions(packer)[-1]) - task.phone_half_m[1]) < 0.003
    if held or np.linalg.norm(phone.cvel) > STILL:
        return ""
    near = np.linalg.norm(phone.xpos[:2] - case.xpos[:2]) < ON_THE_EDGE_M
    if near and phone.xpos[2] > CASE_FLOOR_M + LIFT_M + PHONE_HALF_M[2] + 0.001:
        return "the phone lies on the edge of the case"
    if phone.xmat[8] < LEVEL:
        return "the phone does not lie flat"
    return ""
