"""What is known of the robot: measured joints, and the health of every stream that motion depends on."""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from aloe_control.doubts import JointDoubts
from aloe_control.joints import joint_problem
from aloe_control.watchdog import Stream, Watchdog, arm_stream, camera_stream
from aloe_data.rig import Rig

Array = npt.NDArray[np.float64]


class Sensing:
    """Takes joint states, camera stamps and signs of life of people's devices, and says which are unhealthy.

    Args:
        rig: Rig whose arms and cameras are heard.
        streams: Streams that must be healthy while motion is enabled.
    """

    def __init__(self, rig: Rig, streams: Iterable[Stream]) -> None:
        self._rig = rig
        self._watchdog = Watchdog(streams)
        self._doubts = JointDoubts(rig)
        self.measured: Array = np.full(rig.state_dim, np.nan)  # joint positions [S], newest of every arm

    @property
    def newest(self) -> Array:
        """Joint positions [S] of all arms, with the newest joint states whether they are believed or not."""
        return self._doubts.newest(self.measured)

    def set_joint_state(self, arm: str, stamp_ns: int, positions: Sequence[float] | Array) -> str:
        """Take measured joint positions [dof] in the rig's order, gripper last; returns "" or what is wrong."""
        values = np.asarray(positions, float)
        problem = joint_problem(self._rig.arm(arm), values)
        if problem:
            self.spoil_joint_state(arm, problem)
            return problem
        doubt = self._doubts.take(arm, stamp_ns, values)
        if not doubt and self._watchdog.seen(arm_stream(arm), stamp_ns):
            self.measured[self._rig.state_slice(arm)] = values
        return doubt

    def spoil_joint_state(self, arm: str, problem: str) -> None:
        """A joint state that could not be used: the arm counts as unhealthy until the next good one."""
        self._watchdog.spoil(arm_stream(arm), problem)

    def set_camera_stamp(self, camera: str, stamp_ns: int, content: int | None = None) -> None:
        """An image of this camera exists, taken at this time; `content` is a checksum of its data, if known."""
        self._watchdog.seen(camera_stream(camera), stamp_ns, content)

    def heard(self, stream: str, stamp_ns: int) -> None:
        """A device of a person gave a sign of life."""
        self._watchdog.seen(stream, stamp_ns)

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
        self._doubts.forget()
