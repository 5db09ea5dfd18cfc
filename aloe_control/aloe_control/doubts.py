"""Measured joint states that may be another publisher's: they are no measurement, and no arm is enabled upon them."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from aloe_data.joint_track import JointTrack
from aloe_data.rig import Rig

Array = npt.NDArray[np.float64]


class JointDoubts:
    """Whether the joint states of every arm can be believed.

    Args:
        rig: Rig whose arms are measured.
    """

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self._tracks = {arm.name: JointTrack(arm, is_live=True) for arm in rig.arms}
        self._doubtful: dict[str, Array] = {}  # by arm, where its newest joint state is not believed

    def take(self, arm: str, stamp_ns: int, positions: Array) -> str:
        """Take a joint state [dof] of an arm; returns "" or why it is not believed."""
        track = self._tracks[arm]
        track.push(stamp_ns, positions)
        if track.is_spoilt(stamp_ns):
            self._doubtful[arm] = positions.copy()
            return track.problem
        self._doubtful.pop(arm, None)
        return ""

    @property
    def problems(self) -> Sequence[str]:
        """One sentence per arm whose newest joint state is not believed."""
        return [self._tracks[arm].problem for arm in self._doubtful]

    def newest(self, measured: Array) -> Array:
        """Measured positions [S] of all arms, with the newest joint states whether they are believed or not."""
        newest = measured.copy()
        for arm, positions in self._doubtful.items():
            newest[self._rig.state_slice(arm)] = positions
        return newest

    def forget(self) -> None:
        """Start anew, as after a jump of the clock."""
        self._doubtful.clear()
        for track in self._tracks.values():
            track.clear()
