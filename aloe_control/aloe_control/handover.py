"""Fading an offset out as slowly as its size asks for: the seam of every change of command.

Whatever commanded an arm before and whatever commands it next rarely agree. The difference is added to the new command
and fades along a raised cosine that takes the more ticks the larger it is, so that the fade itself never exceeds a
speed or an acceleration, however large the difference.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aloe_control.tick import ControlConfig
from aloe_data.rig import Arm, Rig

Array = npt.NDArray[np.float64]
Ticks = npt.NDArray[np.int64]


@dataclass(frozen=True)
class FadeLimits:
    """What a fading offset may add to the motion of each value: speed [n] per s and acceleration [n] per s^2."""

    speed: Array
    acceleration: Array
    dt_s: float


def pose_fade_limits(arm: Arm, config: ControlConfig, rate_hz: float) -> FadeLimits:
    """Limits for a pose row of an arm: place in m, rotation as its 6D form, gripper."""
    return _limits(np.array([False] * 3 + [True] * 6 + [arm.gripper.unit == "rad"]), config, rate_hz)


def joint_fade_limits(arm: Arm, config: ControlConfig, rate_hz: float) -> FadeLimits:
    """Limits for the joints of an arm, gripper last."""
    return _limits(np.array([joint.unit == "rad" for joint in arm.all_joints]), config, rate_hz)


def action_fade_limits(rig: Rig, config: ControlConfig) -> FadeLimits:
    """Limits for an action row of the rig."""
    if rig.action_space == "ee_pose":
        parts = [pose_fade_limits(arm, config, rig.rate_hz) for arm in rig.arms]
    else:
        parts = [joint_fade_limits(arm, config, rig.rate_hz) for arm in rig.arms]
    speed = np.concatenate([part.speed for part in parts])
    return FadeLimits(speed, np.concatenate([part.acceleration for part in parts]), 1.0 / rig.rate_hz)


def _limits(turns: npt.NDArray[np.bool_], config: ControlConfig, rate_hz: float) -> FadeLimits:
    speed = np.where(turns, config.handover_speed_rad_s, config.handover_speed_m_s)
    return FadeLimits(speed, speed / config.handover_ramp_s, 1.0 / rate_hz)


def fade_ticks(offset: Array, limits: FadeLimits) -> Ticks:
    """Ticks [n] for an offset [n] to fade: 0.5 (1 + cos(pi k / N)) moves it by at most |offset| pi / (2 N) a tick."""
    size = np.abs(offset)
    by_speed = np.pi * size / (2.0 * limits.speed * limits.dt_s)
    by_acceleration = np.pi * np.sqrt(size / (2.0 * limits.acceleration)) / limits.dt_s
    ticks: Ticks = np.ceil(np.maximum(by_speed, by_acceleration)).astype(np.int64)
    return ticks


def fade(step: int | Ticks, ticks: Ticks) -> Array:
    """Share of the offset that is left in the `step`-th tick (from 1 on); 0 from tick N + 1 on."""
    share: Array = 0.5 + 0.5 * np.cos(np.pi * np.minimum(np.asarray(step) / (ticks + 1.0), 1.0))
    return share
