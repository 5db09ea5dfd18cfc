"""Joints as the control loop sees them: one limiter over all, and what is wrong with measured positions."""

from collections.abc import Iterable
from math import pi
from typing import Final

import numpy as np
import numpy.typing as npt

from aloe_control.limiter import JointLimiter
from aloe_control.stops import Guard
from aloe_data.rig import Arm, Joint, Rig

Array = npt.NDArray[np.float64]
FAR_RAD: Final = 4 * pi  # no joint turns further; larger values also lose digits where differences of them count
FAR_M: Final = 10.0  # no tool and no sliding joint is so far away


def by_unit(joints: Iterable[Joint], rad: float, m: float) -> Array:
    """A value per joint: one for those that turn, another for those that slide."""
    return np.array([rad if joint.unit == "rad" else m for joint in joints])


def make_limiter(rig: Rig, guard: Guard | None = None) -> JointLimiter:
    """A limiter over the joints of all arms, grippers included, in the order of the rig's state.

    Args:
        rig: The rig whose limits are meant.
        guard: What looks at all joints together; None: nothing does.
    """
    joints = [joint for arm in rig.arms for joint in arm.all_joints]
    return JointLimiter(
        lower=np.array([joint.lower for joint in joints]),
        upper=np.array([joint.upper for joint in joints]),
        max_velocity=np.array([joint.max_velocity for joint in joints]),
        max_acceleration=np.array([joint.max_acceleration for joint in joints]),
        max_jerk=np.array([joint.max_jerk for joint in joints]),
        dt_s=1.0 / rig.rate_hz,
        guard=guard,
    )


def time_to_rest_s(rig: Rig) -> float:
    """Seconds in which every joint comes to rest from its full speed: v / a + a / j of the slowest."""
    joints = [joint for arm in rig.arms for joint in arm.all_joints]
    return max(j.max_velocity / j.max_acceleration + j.max_acceleration / j.max_jerk for j in joints)


def outside_limits(rig: Rig, measured: Array, start_margin: float) -> list[str]:
    """Joints that stand too far outside their limits to start from.

    Args:
        rig: Rig with the limits.
        measured: Joint positions [S] of all arms; NaN, never measured, is not judged.
        start_margin: Distance outside that is still allowed, as share of a joint's range.
    """
    found = []
    for arm in rig.arms:
        for joint, q in zip(arm.all_joints, measured[rig.state_slice(arm.name)], strict=True):
            margin = start_margin * (joint.upper - joint.lower)
            if q < joint.lower - margin or q > joint.upper + margin:
                found.append(
                    f"joint '{joint.name}' of '{arm.name}' stands at {q:.3f}, outside {joint.lower:g} to "
                    f"{joint.upper:g}; move it back by hand or correct the rig file"
                )
    return found


def joint_problem(arm: Arm, positions: Array) -> str:
    """ "" or what is wrong with the measured positions of an arm."""
    if positions.shape != (arm.dof,):
        return f"{positions.size} positions instead of {arm.dof} ({', '.join(arm.joint_names)})"
    bad = [name for name, value in zip(arm.joint_names, positions, strict=True) if not np.isfinite(value)]
    return f"joint {', '.join(repr(name) for name in bad)} is not finite" if bad else ""
