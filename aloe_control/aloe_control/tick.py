"""What the control loop is told once, and what it says about every tick."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aloe_data.config import parameter
from aloe_data.vocabulary import Authority

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ControlConfig:
    """Parameters of the control loop."""

    blend_ticks: int = parameter(5, unit="ticks", low=0, high=50, doc="Length of the seam between two chunks.")
    policy_grace_s: float = parameter(
        5.0, unit="s", low=0.1, high=300.0, doc="Time that the policy has after arming to send its first chunk."
    )
    max_jump_rad: float = parameter(
        0.7, unit="rad", low=0.01, high=10.0, doc="Joint chunks with larger steps are refused."
    )
    max_jump_m: float = parameter(
        0.2, unit="m", low=0.001, high=2.0, doc="Chunks with larger steps of poses or sliding joints are refused."
    )
    max_jump_rotation_rad: float = parameter(
        1.0, unit="rad", low=0.01, high=2.5, doc="Pose chunks that turn further in one step are refused."
    )
    start_margin: float = parameter(
        0.05, low=0.0, high=0.5, doc="How far outside its limits a joint may stand when arming, as share of its range."
    )
    follow_rad: float = parameter(
        0.2, unit="rad", low=0.02, high=3.0, doc="How far from its commands an arm's joint may be before motion ends."
    )
    follow_m: float = parameter(
        0.03, unit="m", low=0.002, high=0.5, doc="The same for sliding joints; grippers may close on things."
    )
    follow_s: float = parameter(
        0.25, unit="s", low=0.02, high=2.0, doc="How late an arm may be: the commands of so long are looked at."
    )
    takeover: str = parameter(
        "auto",
        choices=("auto", "required", "off"),
        doc="Whether motion needs a live takeover device and live human commands; auto: on every real rig.",
    )
    takeovers: bool = parameter(
        True, doc="Whether people may take arms over; without, their devices may stop, reset and say ready alone."
    )
    engage_grace_s: float = parameter(
        0.5, unit="s", low=0.0, high=5.0, doc="Time that a device has after a takeover to send its first command."
    )
    request_max_age_s: float = parameter(
        0.5, unit="s", low=0.05, high=5.0, doc="Requests to take or hand back an arm are refused when older."
    )
    handover_speed_m_s: float = parameter(
        0.25, unit="m/s", low=0.01, high=2.0, doc="Speed at which a difference between old and new commands fades."
    )
    handover_speed_rad_s: float = parameter(
        1.0, unit="rad/s", low=0.05, high=10.0, doc="The same for joints and rotations."
    )
    handover_ramp_s: float = parameter(
        0.2, unit="s", low=0.02, high=2.0, doc="Time in which the fading reaches its speed: limits its acceleration."
    )
    hand_speed_ratio: float = parameter(
        1.5, low=1.0, high=10.0, doc="A hand that turns a joint so many times faster than the arm may has let go of it."
    )
    hand_speed_m_s: float = parameter(
        2.0, unit="m/s", low=0.1, high=10.0, doc="A hand that moves faster has let go of its device, or dropped it."
    )
    hand_speed_rad_s: float = parameter(10.0, unit="rad/s", low=0.5, high=50.0, doc="The same for its rotation.")
    leash_m: float = parameter(
        0.05, unit="m", low=0.005, high=0.5, doc="How far a velocity-controlled target may run ahead of the tool."
    )
    leash_rad: float = parameter(0.25, unit="rad", low=0.02, high=1.0, doc="The same for its rotation.")
    ik_iterations: int = parameter(3, low=1, high=20, doc="Most steps of inverse kinematics per tick.")


@dataclass(frozen=True, eq=False)
class ArmTick:
    """What one arm was asked to do and really did in one tick; the fields are those of aloe_msgs/ArmAction.

    `reason` says why `source` commands; `operator` is the human who does, or "".
    `requested` and `executed` are joint positions [dof], gripper last. While the arm holds, the request is the command.
    While not armed both are what was last measured (NaN before that): nothing is commanded.
    `hold`: the arm was not where it was commanded and is to hold where it is measured; `executed` says where that was.
    """

    arm: str
    source: Authority
    requested: Array
    executed: Array
    clip_reason: str
    operator: str = ""
    reason: str = ""
    hold: bool = False


@dataclass(frozen=True, eq=False)
class TickResult:
    """Outcome of one tick; `commands` (arm name -> joint positions) is empty unless motion was enabled."""

    tick: int
    stamp_ns: int
    armed: bool
    fault: str
    chunk_id: int
    step: int
    policy_version: str
    arms: tuple[ArmTick, ...]
    commands: dict[str, Array]
