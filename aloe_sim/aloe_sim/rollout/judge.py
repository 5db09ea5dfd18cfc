"""Decides from physics when an episode has succeeded or failed."""

from dataclasses import dataclass

import mujoco

from aloe_sim.tasks.base import Task

JUDGE_HZ = 20.0  # how often to ask
HOLD_S = 0.3  # success must last this long: a cube that falls through the goal does not count


@dataclass(frozen=True)
class Judgement:
    """The verdict and its reason, for people to read."""

    success: bool
    reason: str


class Judge:
    """Watches one episode after the other; says its judgement once per episode.

    Args:
        task: Task that says what is success and what is failure.
        hold_s: How long either must last until it counts.
    """

    def __init__(self, task: Task, hold_s: float = HOLD_S) -> None:
        self._task = task
        self._hold_ns = hold_s * 1e9
        self._watching = False
        self._since_ns: int | None = None

    def begin(self) -> None:
        """A new episode runs."""
        self._watching = True
        self._since_ns = None

    def end(self) -> None:
        """No episode runs."""
        self._watching = False

    def judge(self, stamp_ns: int, data: mujoco.MjData) -> Judgement | None:
        """The judgement, if there is one now.

        Args:
            stamp_ns: Time of the state.
            data: MuJoCo's state of the scene.
        """
        if not self._watching:
            return None
        failure = self._task.failure(data)
        if not failure and not self._task.success(data):
            self._since_ns = None
            return None
        if self._since_ns is None:
            self._since_ns = stamp_ns
        if stamp_ns - self._since_ns < self._hold_ns:
            return None
        self._watching = False
        return Judgement(not failure, failure or "the goal is reached")
