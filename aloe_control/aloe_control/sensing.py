"""What is known of the robot: measured joints, and the health of every stream that motion depends on."""

from collections import deque
from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from aloe_control.doubts import JointDoubts
from aloe_control.following import Reading
from aloe_control.joints import joint_problem
from aloe_control.watchdog import Stream, Watchdog, arm_stream, camera_stream, future_stamp
from aloe_data.rig import Rig
from aloe_data.vocabulary import NS

Array = npt.NDArray[np.float64]
_SPEED_NS: Final = 100_000_000  # encoders are too coarse for the speed of a single period


class Sensing:
    """Takes joint states, camera stamps and signs of life of people's devices, and says which are unhealthy.

    Args:
        rig: Rig whose arms and cameras are heard.
        streams: Streams that must be healthy while motion is enabled.
        ahead_ns: How far in the future a stamp may lie.
    """

    def __init__(self, rig: Rig, streams: Iterable[Stream], ahead_ns: int) -> None:
        self._rig = rig
        self._ahead_ns = ahead_ns
        self._watchdog = Watchdog(streams, ahead_ns)
        self._doubts = JointDoubts(rig)
        self.measured: Array = np.full(rig.state_dim, np.nan)  # joint positions [S], newest of every arm
        self._recent: dict[str, deque[tuple[int, Array]]] = {arm.name: deque() for arm in rig.arms}
        self.readings: dict[str, Reading] = {}  # when that was, by arm

    @property
    def newest(self) -> Array:
        """Joint positions [S] of all arms, with the newest joint states whether they are believed or not."""
        return self._doubts.newest(self.measured)

    def set_joint_state(
        self, arm: str, stamp_ns: int, positions: Sequence[float] | Array, now_ns: int | None = None
    ) -> str:
        """Take a joint state; returns "" or what is wrong with it.

        Args:
            arm: Name of the arm.
            stamp_ns: Time of the measurement.
            positions: Joint positions [dof] in the rig's order, gripper last.
            now_ns: Time of its arrival; None: that of its stamp.
        """
        arrival_ns = stamp_ns if now_ns is None else now_ns
        values = np.array(positions, float)  # kept, so a copy: the caller's array may change
        problem = joint_problem(self._rig.arm(arm), values)
        if not problem and stamp_ns - arrival_ns > self._ahead_ns:
            problem = future_stamp(stamp_ns, arrival_ns)
        if problem:
            self.spoil_joint_state(arm, problem)
            return problem
        doubt = self._doubts.take(arm, stamp_ns, values)
        if not doubt and self._watchdog.seen(arm_stream(arm), stamp_ns, now_ns=arrival_ns):
            self.measured[self._rig.state_slice(arm)] = values
            self.readings[arm] = Reading(min(stamp_ns, arrival_ns), arrival_ns)
            recent = self._recent[arm]
            recent.append((stamp_ns, values))
            while len(recent) > 2 and stamp_ns - recent[1][0] >= _SPEED_NS:
                recent.popleft()
        return doubt

    def speed(self, arm: str) -> tuple[float, Array]:
        """Over how long [s] an arm's speed is known, and that speed [dof] in its joints' units per s."""
        recent = self._recent[arm]
        if len(recent) < 2:
            return 0.0, np.zeros(self._rig.arm(arm).dof)
        first_ns, first = recent[0]
        last_ns, last = recent[-1]
        seconds = (last_ns - first_ns) / NS
        return seconds, (last - first) / seconds

    def spoil_joint_state(self, arm: str, problem: str) -> None:
        """A joint state that could not be used: the arm counts as unhealthy until the next good one."""
        self._watchdog.spoil(arm_stream(arm), problem)

    def set_camera_stamp(
        self, camera: str, stamp_ns: int, content: int | None = None, now_ns: int | None = None
    ) -> None:
        """An image of a camera exists.

        Args:
            camera: Name of the camera.
            stamp_ns: Time at which it was taken.
            content: Checksum of its data, if known.
            now_ns: Time of its arrival; None: that of its stamp.
        """
        self._watchdog.seen(camera_stream(camera), stamp_ns, content, now_ns)

    def spoil_camera(self, camera: str, problem: str) -> None:
        """An image that nobody can use: the camera counts as unhealthy until the next good one."""
        self._watchdog.spoil(camera_stream(camera), problem)

    def heard(self, stream: str, stamp_ns: int, now_ns: int) -> None:
        """A device of a person gave a sign of life."""
        self._watchdog.seen(stream, stamp_ns, now_ns=now_ns)

    def silence(self, now_ns: int) -> list[str]:
        """One sentence per stream that is silent, frozen or spoilt."""
        return self._watchdog.problems(now_ns)

    @property
    def doubts(self) -> Sequence[str]:
        """One sentence per arm whose newest joint state is not believed."""
        return self._doubts.problems

    def problems(self, now_ns: int) -> list[str]:
        """One sentence per unhealthy stream."""
        return [*self.silence(now_ns), *self.doubts]

    def forget(self) -> None:
        """Start anew, as after a jump of the clock."""
        self._watchdog.forget()
        self.readings.clear()
        for recent in self._recent.values():
            recent.clear()
        self._doubts.forget()
