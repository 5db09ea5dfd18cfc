"""What the auditor makes of places: boxes, the other arm, and how fast a tool moves."""

from dataclasses import replace

import numpy as np
import pytest
from loop_bench import HOME, RIG

from aloe_control.audit_world import WorldAudit
from aloe_data.kinematics import ArmKinematics
from aloe_data.rig import Rig
from aloe_data.world import Box, KeepOut

LEFT, RIGHT = (arm.name for arm in RIG.arms)
TOOL = ArmKinematics(RIG.arms[0]).forward(HOME[:6])[0]


def rig(**changes) -> Rig:
    """The rig with another left arm; nothing else is in the way."""
    free = [replace(arm, workspace=None, keep_out=()) for arm in RIG.arms]
    left = replace(free[0], **{"max_tool_speed_m_s": 1000.0, **changes})
    return replace(RIG, arms=(left, free[1]), min_arm_distance_m=-10.0)


def found(audit: WorldAudit, *joints: np.ndarray) -> str:
    """What is said of commands for the left arm, one per period."""
    return " | ".join(text for q in joints for text in audit.step({LEFT: q}, 1.0))


def bent(angle: float) -> np.ndarray:
    """The left arm at home, with its shoulder turned further."""
    return HOME[:7] + angle * np.eye(7)[1]


def box(side: float) -> dict[str, tuple[float, ...]]:
    """A cube around the tool at home."""
    return {"lower": tuple(TOOL - side), "upper": tuple(TOOL + side)}


def test_a_tool_that_leaves_its_workspace_is_caught():
    audit = WorldAudit(rig(workspace=Box(**box(0.02))))
    assert found(audit, bent(0.0)) == ""
    assert f"the tool of '{LEFT}' leaves its workspace" in found(audit, bent(0.2))


def test_a_link_that_enters_a_box_is_caught_and_one_that_began_there_may_come_out():
    low = tuple(TOOL - [0.05, 0.05, 0.5])
    high = tuple(TOOL - [-0.05, -0.05, 0.1])
    audit = WorldAudit(rig(keep_out=(KeepOut(lower=low, upper=high, name="crate"),)))
    depths = [found(audit, bent(angle)) for angle in (0.0, 0.15, 0.3, 0.6)]
    assert depths[0] == "" and "enters 'crate'" in depths[-1]
    audit.end()
    assert [found(audit, bent(angle)) for angle in (0.6, 0.3, 0.0)] == ["", "", ""]


def test_a_tool_that_is_too_fast_is_caught_also_in_measured_time():
    reach_m = float(np.linalg.norm(TOOL - ArmKinematics(RIG.arms[0]).forward(bent(0.01)[:6])[0]))
    speed = 1.05 * reach_m * RIG.rate_hz
    audit = WorldAudit(rig(max_tool_speed_m_s=speed))
    path = [bent(0.01 * k) for k in range(8)]
    assert found(audit, *path[:4]) == ""
    assert "m/s" in " ".join(audit.step({LEFT: path[4]}, 0.5) + audit.step({LEFT: path[5]}, 0.4))
    assert "m/s" in found(audit, path[5], path[7])


def test_arms_that_come_too_close_are_caught():
    audit = WorldAudit(replace(rig(), min_arm_distance_m=0.0))
    home = {LEFT: HOME[:7], RIGHT: HOME[7:]}
    assert audit.step(home, 1.0) == []
    inward = 0.9 * np.eye(7)[0]
    words = audit.step({LEFT: HOME[:7] + inward, RIGHT: HOME[7:] - inward}, 1.0)
    other = audit.step({LEFT: HOME[:7] - inward, RIGHT: HOME[7:] + inward}, 1.0)
    assert any("come closer" in text for text in (*words, *other))


@pytest.mark.parametrize("arm", [LEFT, RIGHT])
def test_an_arm_that_holds_where_it_is_measured_is_judged_from_there(arm):
    audit = WorldAudit(RIG)
    home = {LEFT: HOME[:7], RIGHT: HOME[7:]}
    assert audit.step(home, 1.0) == []
    audit.restart(arm)
    assert audit.step(home | {arm: home[arm] + 0.05}, 1.0) == []
