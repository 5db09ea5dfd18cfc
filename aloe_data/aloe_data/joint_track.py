"""Whether the joint states on an arm's topic are all of that one arm, which is not in two places at once.

A second publisher (a simulator, another driver, a `joint_state_publisher` with zeros) makes joints leap there and back:
the messages then form two tracks, each of which an arm could follow, and which no arm follows both. Nothing in the
messages tells which is the arm's, so none of them counts until there is one track again.

A driver that has not read its encoders yet, or no longer can, tells of zeros instead. Where all joints leap to exactly
0 or from there, the zeros are not the arm's, however long they last.
"""

import sys
from bisect import bisect_right
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from aloe_data.rig import Arm
from aloe_data.vocabulary import NS

# A track that had no message for so long has ended; a publisher that is still there would have been heard.
_MEMORY_PERIODS = 5
_MEMORY_S = 0.1
_NOISE = 0.01  # of a joint's range: what its sensor may say beside its motion


class _State(NamedTuple):
    stamp_ns: int
    positions: NDArray[np.float64]


class JointTrack:
    """The joint states of one arm in the order of their arrival. Grippers do not count: many of them leap and rattle.

    Args:
        arm: Arm whose joints' ranges and largest speeds bound what can follow what.
        is_live: Whether what comes next is unknown. Then a state that no arm could have got to does not count until
            nothing has contradicted it for a while: it may be another publisher's first. Of a recording only the
            first and the last states may be such.

    Attributes:
        returns: Number of messages that went on a track which others had left, or leapt to zeros or from them.
        first: The first contradiction in words; "" for none.
    """

    def __init__(self, arm: Arm, is_live: bool) -> None:
        self.returns = 0
        self.first = ""
        self._arm = arm
        self._is_live = is_live
        period_s = 1.0 / arm.rate_hz
        self._period_s = period_s
        self._memory_ns = memory_ns(arm)
        self._speed = np.array([joint.max_velocity for joint in arm.joints])
        self._noise = _NOISE * np.array([joint.upper - joint.lower for joint in arm.joints])
        self._reach_at_once = self._speed * period_s + self._noise
        self._tracks: list[_State] = []  # the last state of each, the one of the newest message last
        self._run_ns = 0  # since when each state can follow from the one before
        self._leapt = False  # to get there
        self._run_is_zero = False  # in all joints, from its first message to the newest
        self._zeros_leapt = False
        self._run_before: tuple[int, int] | None = None  # from its first message to the leap
        self._spoilt: list[tuple[int, int]] = []  # spans in which tracks contradict each other, in order

    def push(self, stamp_ns: int, positions: NDArray[np.float64]) -> None:
        """One more message: positions [dof] in the rig's order, gripper last [rad, m]."""
        state = _State(stamp_ns, positions[: len(self._speed)].copy())
        if self._tracks and stamp_ns <= self._tracks[-1].stamp_ns:
            self._compare_late(state)
            return
        self._tracks = [track for track in self._tracks if stamp_ns - track.stamp_ns <= self._memory_ns]
        # The newest track first: where an arm can have come from either, nothing contradicts anything.
        track = next((track for track in reversed(self._tracks) if self._reaches(track, state)), None)
        if track is None:
            self._begin_run(state, leapt=bool(self._tracks))
        elif track is not self._tracks[-1]:
            self._contradiction(track, self._tracks[-1], state)
            if not state.positions.any():  # zeros once more, and perhaps to stay
                self._run_ns = stamp_ns
                self._leapt = True
                self._run_is_zero = True
        self._run_is_zero = self._run_is_zero and not state.positions.any()
        self._tracks = [*(other for other in self._tracks if other is not track), state]
        self._judge_run_before()

    def is_spoilt(self, stamp_ns: int) -> bool:
        """Whether the message with this stamp may be of something else than the arm, by all that is known now."""
        if stamp_ns >= self._run_ns and (self._is_doubtful or (self._leapt and self._run_is_zero)):
            return True
        index = bisect_right(self._spoilt, (stamp_ns, sys.maxsize)) - 1
        return index >= 0 and stamp_ns < self._spoilt[index][1]

    @property
    def problem(self) -> str:
        """What is wrong, in words."""
        topic = self._arm.joint_state_topic
        where = f"{self._arm.name} ({topic})"
        if not self.first:
            return f"{where}: joints are where they cannot have got to since the message before; waiting for the next"
        node = "stop the second node that publishes it"
        if self._zeros_leapt:
            node += ", or keep the driver from publishing zeros before it has read its encoders"
        return f"{where}: {self.first}; {node}: `ros2 topic info --verbose {topic}`"

    def clear(self) -> None:
        """Forget all messages, as after a jump of the clock."""
        self._tracks.clear()
        self._spoilt.clear()
        self._leapt = False
        self._run_is_zero = False
        self._run_before = None

    @property
    def _is_doubtful(self) -> bool:
        """Whether the newest states may be another publisher's first, of an arm that was clearly somewhere else."""
        if not self._leapt or self._tracks[-1].stamp_ns - self._run_ns >= self._memory_ns:
            return False
        return self._is_live or self._run_before is None

    def _begin_run(self, state: _State, leapt: bool) -> None:
        """A state that does not follow from any before it."""
        stamp_ns = state.stamp_ns
        is_zero = not state.positions.any()
        if self._run_is_zero and (self._leapt or leapt):
            self._spoil(self._run_ns, stamp_ns)
        if leapt and (is_zero or self._run_is_zero):
            self._zeros_leapt = True
            self._count(self._tracks[-1], state)
        is_short = leapt and stamp_ns - self._run_ns < self._memory_ns
        self._run_before = (self._run_ns, stamp_ns) if is_short else None
        self._run_ns = stamp_ns
        self._run_is_zero = is_zero
        self._leapt = leapt

    def _judge_run_before(self) -> None:
        """A few states before a long run that does not follow from them were not the arm's."""
        if self._run_before and self._tracks[-1].stamp_ns - self._run_ns >= self._memory_ns:
            self._spoil(*self._run_before)
            self._run_before = None

    def _reaches(self, before: _State, state: _State) -> bool:
        """Whether an arm can have got from one state to the other; stamps may be wrong by a period."""
        far = np.abs(state.positions - before.positions)
        if (far <= self._reach_at_once).all():  # nearly always; the rest costs as much again
            return True
        seconds = abs(state.stamp_ns - before.stamp_ns) / NS + self._period_s
        far = np.minimum(far, np.abs(far - 2 * np.pi))  # drivers of joints that turn on and on begin anew at a turn
        return bool((far <= self._speed * seconds + self._noise).all())

    def _compare_late(self, late: _State) -> None:
        """A message with a stamp that is not newer is no state; it may still contradict the one that is."""
        newest = self._tracks[-1]
        if newest.stamp_ns - late.stamp_ns > self._memory_ns or self._reaches(newest, late):
            return
        others = self._tracks[:-1]
        track = next((track for track in reversed(others) if self._reaches(track, late)), None)
        self._contradiction(track or newest, late, newest)
        self._tracks = [*(other for other in others if other is not track), late, newest]

    def _contradiction(self, track: _State, other: _State, state: _State) -> None:
        """A state goes on a track although the message before it was on another."""
        self._count(other, state)
        self._run_before = None
        self._spoil(track.stamp_ns, state.stamp_ns + self._memory_ns)

    def _count(self, other: _State, state: _State) -> None:
        self.returns += 1
        if not self.first:
            self.first = self._describe(other, state)

    def _spoil(self, begin_ns: int, end_ns: int) -> None:
        while self._spoilt and self._spoilt[-1][1] >= begin_ns:
            begin_ns = min(begin_ns, self._spoilt.pop()[0])
        self._spoilt.append((begin_ns, end_ns))

    def _describe(self, other: _State, state: _State) -> str:
        joint = int(np.argmax(np.abs(state.positions - other.positions) / self._speed))
        apart_ms = abs(state.stamp_ns - other.stamp_ns) / 1e6
        values = f"{other.positions[joint]:.3f} and {state.positions[joint]:.3f}"
        return f"joint {self._arm.joint_names[joint]} is at {values} within {apart_ms:.0f} ms"


def memory_ns(arm: Arm) -> int:
    """How long an arm must have been silent for its next joint state to be compared with none before [ns]."""
    return round(max(_MEMORY_PERIODS / arm.rate_hz, _MEMORY_S) * NS)
