"""What the driver relay lets one arm do: limits, slacks and times, from the rig file."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from aloe_data.rig import Arm, Rig
from aloe_data.urdf import load_chain

Array = npt.NDArray[np.float64]
NS: Final = 1_000_000_000
SLACK_RAD: Final = 0.02  # how far a held arm's set point may be from where it is measured
SLACK_M: Final = 0.005
_REJOIN: Final = 2.5  # slacks between a held arm and the first command that is obeyed again
_CATCH_UP: Final = 1.1  # share of the speed limit with which late commands are caught up
_LATE_PERIODS: Final = 2.0  # by which commands at full speed may arrive too close to one another
_ROUNDING: Final = 1e-6


@dataclass(frozen=True, eq=False)
class RelayLimits:
    """Limits of one arm; arrays are [dof], gripper last [rad; m; per s].

    Attributes:
        names: Names of the joints.
        lower: Lowest positions.
        upper: Highest positions.
        max_velocity: Highest speeds.
        slack: Largest distance of a held arm's set point from where it is measured; of the gripper, how far the fingers
            may move before it gives up its grip.
        period_ns: Time from one command to the next.
        max_age_ns: Age at which what was measured counts for nothing.
    """

    names: tuple[str, ...]
    lower: Array
    upper: Array
    max_velocity: Array
    slack: Array
    period_ns: int
    max_age_ns: int

    @property
    def rejoin(self) -> Array:
        """Largest distance [dof] of the first command after a hold from where the arm is measured."""
        return _REJOIN * self.slack

    @property
    def ahead_ns(self) -> int:
        """How far in the future a command may be stamped."""
        return 2 * self.period_ns

    def reach(self, elapsed_s: float) -> Array:
        """How far [dof] set points may move in some time."""
        return self.max_velocity * _CATCH_UP * max(0.0, elapsed_s)

    def leap(self, elapsed_s: float) -> Array:
        """How far [dof] a command may be from the one before, which was obeyed some time ago."""
        return self.max_velocity * (elapsed_s + _LATE_PERIODS * self.period_ns / NS) + _ROUNDING


def relay_limits(rig: Rig, arm: Arm, slack_rad: float = SLACK_RAD) -> RelayLimits:
    """The limits of an arm.

    Args:
        rig: For the rate of its commands.
        arm: The arm.
        slack_rad: `RelayLimits.slack` of joints that turn.
    """
    chain = load_chain(arm.urdf, arm.base_link, arm.tool_link)
    slides = [joint.kind == "prismatic" for joint in chain if joint.kind != "fixed"]
    joints = arm.all_joints
    # The limiter of control_node reaches its limits exactly, but for rounding.
    margin = np.array([_ROUNDING * (joint.upper - joint.lower) for joint in joints])
    return RelayLimits(
        names=arm.joint_names,
        lower=np.array([joint.lower for joint in joints]) - margin,
        upper=np.array([joint.upper for joint in joints]) + margin,
        max_velocity=np.array([joint.max_velocity for joint in joints]),
        slack=np.array([SLACK_M if sliding else slack_rad for sliding in [*slides, True]]),
        period_ns=round(NS / rig.rate_hz),
        max_age_ns=round(NS * arm.max_age_s),
    )
