"""What ends motion, looked for in every tick: each fault in a sentence, with its remedy."""

from typing import Final

from aloe_control.arming import RESET
from aloe_control.authority import State
from aloe_control.motion import Motion
from aloe_control.policy_input import PolicyInput
from aloe_control.sensing import Sensing
from aloe_control.takeover import Takeover
from aloe_data.rig import Rig

REARM: Final = "then arm again with /control/arm"


class Faults:
    """Looks at all that motion depends on.

    Args:
        rig: Rig whose arms move.
        sensing: Measured joints and health of streams.
        takeover: Emergency stop, and whose turn it is.
        policy: Chunks of the policy.
        motion: Commands, which the arms have to follow.
    """

    def __init__(self, rig: Rig, sensing: Sensing, takeover: Takeover, policy: PolicyInput, motion: Motion) -> None:
        self._rig = rig
        self._sensing = sensing
        self._takeover = takeover
        self._policy = policy
        self._motion = motion

    def find(self, now_ns: int, time_fault: str) -> str:
        """ "" or what must end motion now.

        Args:
            now_ns: Time of the tick.
            time_fault: What is wrong with the time since the tick before, see `tick_clock`; "" for nothing.
        """
        if self._takeover.estop:
            return f"{self._takeover.estop}; {RESET}, {REARM}"
        if time_fault:
            return f"{time_fault}; {REARM}"
        problems = [*self._of_the_robot(now_ns), *self._of_the_policy(now_ns)]
        return f"{' | '.join(problems)}; {REARM}" if problems else ""

    def _of_the_robot(self, now_ns: int) -> list[str]:
        silent = self._sensing.silence(now_ns)
        if silent:
            # One doubtful joint state stops nothing; when they go on, the stream counts as silent, and why is told.
            return [*silent, *self._sensing.doubts]
        return list(self._motion.not_following(self._sensing.measured, self._sensing.readings).values())

    def _of_the_policy(self, now_ns: int) -> list[str]:
        if not any(self._takeover.state(arm.name) in (State.WAITING, State.POLICY) for arm in self._rig.arms):
            return []  # nobody waits for it
        silence = self._policy.silence(now_ns)
        return [silence] if silence else []
