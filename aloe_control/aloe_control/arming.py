"""What must hold before motion is enabled."""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from aloe_control.joints import by_unit, outside_limits
from aloe_control.motion import Motion
from aloe_control.sensing import Sensing
from aloe_control.takeover import Takeover
from aloe_control.tick import ControlConfig
from aloe_data.rig import Arm, Rig
from aloe_data.vocabulary import NS

Array = npt.NDArray[np.float64]
_FRESH_S: Final = 0.1  # age of joint states: what an arm may have done since then is no more than a period or two
_REST_S: Final = 0.05  # time over which it must have been seen to stand still
_REST_RAD_S: Final = 0.2  # far above what encoders make of an arm that stands still
_REST_M_S: Final = 0.05
RESET: Final = "look at the robot, reset the stop on the takeover device"
TRY: Final = "press its estop key, then its reset key, then its ready key"
READY: Final = "when all people are out of reach and the scene is set, press the ready key of the operator's device"

Condition = Callable[[int], Sequence[str]]
"""From the present time [ns] to one sentence per thing that is missing, with its remedy; empty: nothing is."""


class Arming:
    """Asks every condition, so that people hear at once all that stands between them and motion.

    Args:
        conditions: Conditions of motion, in the order in which people should read them.
    """

    def __init__(self, conditions: Sequence[Condition]) -> None:
        self._conditions = conditions

    def problems(self, now_ns: int) -> list[str]:
        """One sentence per thing that is missing; empty: motion may be enabled."""
        return [sentence for condition in self._conditions for sentence in condition(now_ns)]


def not_stopped(takeover: Takeover) -> Condition:
    """No emergency stop is outstanding."""

    def condition(_now_ns: int) -> Sequence[str]:
        return [f"{takeover.estop}; {RESET}"] if takeover.estop else []

    return condition


def stop_tried(takeover: Takeover) -> Condition:
    """The operator's emergency stop was pressed and reset once in this session: key and way to control work."""

    def condition(now_ns: int) -> Sequence[str]:
        operators = takeover.operators
        # Of whoever said ready; before that any device will do.
        candidates = [operators.ready] if operators.ready else operators.present(now_ns)
        if any(takeover.emergency_stop.was_tried(sender) for sender in candidates):
            return []
        whose = operators.describe(operators.ready) if operators.ready else "an operator's device"
        return [f"the emergency stop of {whose} was not tried in this session; {TRY}"]

    return condition


def said_ready(takeover: Takeover) -> Condition:
    """A person whose device is there said ready since motion last ended."""

    def condition(now_ns: int) -> Sequence[str]:
        operators = takeover.operators
        if not operators.ready:
            return [f"nobody said ready since motion last ended; {READY}"]
        if not operators.is_present(operators.ready, now_ns):
            return [f"{operators.describe(operators.ready)} said ready and is gone; {READY}"]
        return []

    return condition


def within_limits(rig: Rig, sensing: Sensing, start_margin: float) -> Condition:
    """No joint stands far outside its limits, see `joints.outside_limits`; joints never measured are not judged."""

    def condition(_now_ns: int) -> Sequence[str]:
        return outside_limits(rig, sensing.newest, start_margin)

    return condition


def at_rest(rig: Rig, sensing: Sensing) -> Condition:
    """Every arm is measured, now and for long enough to tell that it stands still. Grippers may rattle."""
    limits = {arm.name: by_unit(arm.joints, _REST_RAD_S, _REST_M_S) for arm in rig.arms}

    def condition(now_ns: int) -> Sequence[str]:
        found = []
        for arm in rig.arms:
            if arm.name in sensing.readings:
                age_s = (now_ns - sensing.readings[arm.name].stamp_ns) / NS
                problem = _old(arm, age_s) or _moves(arm, *sensing.speed(arm.name), limits[arm.name], rig.simulated)
                found += [problem] if problem else []
        return found

    return condition


def in_place(motion: Motion, sensing: Sensing) -> Condition:
    """The arms stand inside their workspaces, outside keep-out boxes and apart, see `WorldGuard.problems`."""

    def condition(_now_ns: int) -> Sequence[str]:
        return motion.out_of_place(sensing.newest)

    return condition


def _old(arm: Arm, age_s: float) -> str:
    limit_s = max(_FRESH_S, 2.0 / arm.rate_hz)
    if age_s <= limit_s:
        return ""
    return (
        f"joint states of '{arm.name}' are {age_s:.3f} s old (limit {limit_s:g} s to enable motion); "
        f"check that its driver publishes {arm.joint_state_topic} at {arm.rate_hz:g} Hz"
    )


def _moves(arm: Arm, known_s: float, speed: Array, limits: Array, simulated: bool) -> str:
    if known_s < _REST_S:
        # A simulated arm may be placed anywhere at once, and be measured there for the first time.
        return "" if simulated else f"'{arm.name}' has been measured for {known_s:.3f} s only; ask again in a moment"
    size = np.abs(speed[: len(limits)])
    if (size <= limits).all():
        return ""
    worst = int((size / limits).argmax())
    joint = arm.joints[worst]
    return (
        f"joint '{joint.name}' of '{arm.name}' moves with {size[worst]:.2f} {joint.unit}/s (limit {limits[worst]:g}); "
        "wait until it stands still, and look at what moves it"
    )


def needs_takeover(rig: Rig, config: ControlConfig) -> bool:
    """Whether motion is enabled only while people can take the arms over."""
    return config.takeover == "required" or (config.takeover == "auto" and not rig.simulated)


def needs_operator(rig: Rig, config: ControlConfig) -> bool:
    """Whether a person has to try the emergency stop and to say ready: where a real arm could hurt somebody."""
    return not rig.simulated and config.takeover != "off"
