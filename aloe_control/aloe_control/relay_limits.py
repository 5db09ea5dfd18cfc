"""What the driver relay lets one arm do: limits, slacks and times, from the rig file."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from aloe_data.rig import Arm, Rig
from aloe_data.urdf import load_chain
from aloe_data.vocabulary import NS

Array = npt.NDArray[np.float64]
SLACK_RAD: Final = 0.02  # how far a held arm's set point may be from where it is measured
SLACK_M: Final = 0.005
FOLLOWING_LAG_S: Final = 0.1  # by which a healthy arm stays behind its set points at most; servos need 50 to 100 ms
_LEASH_RAD: Final = 0.1  # shortest leash: slow joints, too, are bent by weight and contact
_LEASH_M: Final = 0.02
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
        leash: Largest distance of a moving arm's set point from where it is measured; infinite for the gripper.
        period_ns: Time from one command to the next.
        max_age_ns: Age at which what was measured counts for nothing.
    """

    names: tuple[str, ...]
    lower: Array
    upper: Array
    max_velocity: Array
    slack: Array
    leash: Array
    period_ns: int
    max_age_ns: int

    @property
    def grips(self) -> npt.NDArray[np.bool_]:
        """Which [dof] is the gripper: it is moved at its own speed wherever it is asked to be."""
        return np.arange(self.lower.size) == self.lower.size - 1

    @property
    def rejoin(self) -> Array:
        """Largest distance [dof] of the first command after a hold from where the arm is measured."""
        return _REJOIN * self.slack

    @property
    def ahead_ns(self) -> int:
        """How far in the future a command may be stamped."""
        return 2 * self.period_ns

    def names_of(self, which: npt.NDArray[np.bool_]) -> str:
        """The names of some joints [dof], for messages."""
        return ", ".join(f"'{name}'" for name, hit in zip(self.names, which, strict=True) if hit)

    def reach(self, elapsed_s: float) -> Array:
        """How far [dof] set points may move in some time."""
        return self.max_velocity * _CATCH_UP * max(0.0, elapsed_s)

    def leap(self, elapsed_s: float) -> Array:
        """How far [dof] a command may be from the one before, which was obeyed some time ago."""
        return self.max_velocity * (elapsed_s + _LATE_PERIODS * self.period_ns / NS) + _ROUNDING


def relay_limits(
    rig: Rig, arm: Arm, slack_rad: float = SLACK_RAD, following_lag_s: float = FOLLOWING_LAG_S
) -> RelayLimits:
    """The limits of an arm.

    Args:
        rig: For the rate of its commands.
        arm: The arm.
        slack_rad: `RelayLimits.slack` of joints that turn.
        following_lag_s: Time by which the arm stays behind its set points at full speed, at most.
    """
    chain = load_chain(arm.urdf, arm.base_link, arm.tool_link)
    slides = np.array([*(joint.kind == "prismatic" for joint in chain if joint.kind != "fixed"), True])
    joints = arm.all_joints
    max_velocity = np.array([joint.max_velocity for joint in joints])
    slack = np.where(slides, SLACK_M, slack_rad)
    # The limiter of control_node reaches its limits exactly, but for rounding.
    margin = np.array([_ROUNDING * (joint.upper - joint.lower) for joint in joints])
    return RelayLimits(
        names=arm.joint_names,
        lower=np.array([joint.lower for joint in joints]) - margin,
        upper=np.array([joint.upper for joint in joints]) + margin,
        max_velocity=max_velocity,
        slack=slack,
        leash=_leash(max_velocity * (following_lag_s + 1.0 / arm.rate_hz), slides, slack),
        period_ns=round(NS / rig.rate_hz),
        max_age_ns=round(NS * arm.max_age_s),
    )


def _leash(lag: Array, slides: npt.NDArray[np.bool_], slack: Array) -> Array:
    """Leashes [dof] that are at no speed too short for an arm which lags as far as it may.

    Args:
        lag: How far behind its set points a healthy arm is measured at full speed [dof].
        slides: Which joints slide [dof].
        slack: `RelayLimits.slack`: an arm that was held is obeyed again within some slacks.
    """
    shortest = np.maximum(np.where(slides, _LEASH_M, _LEASH_RAD), _REJOIN * slack)
    leash = np.maximum(lag, shortest)
    leash[-1] = np.inf  # the gripper closes on things
    return leash
