"""Measured joint states that may be another publisher's: they move nothing, and no arm is enabled upon them."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from aloe_data.joint_track import JointTrack
from aloe_data.rig import Rig


class JointDoubts:
    """Whether the joint states of every arm can be believed.

    Args:
        rig: Rig whose arms are measured.
    """

    def __init__(self, rig: Rig) -> None:
        self._tracks = {arm.name: JointTrack(arm, is_live=True) for arm in rig.arms}
        self._problems: dict[str, str] = {}

    def take(self, arm: str, stamp_ns: int, positions: npt.NDArray[np.float64]) -> str:
        """Take a joint state [dof] of an arm; returns "" or why it is not believed."""
        track = self._tracks[arm]
        track.push(stamp_ns, positions)
        if track.is_spoilt(stamp_ns):
            self._problems[arm] = track.problem
            return track.problem
        self._problems.pop(arm, None)
        return ""

    @property
    def problems(self) -> Sequence[str]:
        """One sentence per arm whose newest joint state is not believed."""
        return list(self._problems.values())

    def forget(self) -> None:
        """Start anew, as after a jump of the clock."""
        self._problems.clear()
        for track in self._tracks.values():
            track.clear()
