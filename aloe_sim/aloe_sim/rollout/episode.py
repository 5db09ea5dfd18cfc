"""One episode in one process: the rig, stepped tick by tick until something ends it."""

from collections.abc import Callable

from aloe_control.tick import TickResult
from aloe_data.vocabulary import Verdict
from aloe_sim.rig.real_time import Metronome
from aloe_sim.rig.sim_rig import UnstablePhysicsError
from aloe_sim.rollout.in_process import InProcessRig, nothing
from aloe_sim.rollout.judge import HOLD_S, JUDGE_HZ, Judge


class Episode:
    """What ends an episode: the judge, a fault of control, diverged physics, its limit of time, or its caller.

        episode.begin(seed)
        while not episode.verdict:
            ...                      # offer a chunk to the rig where one is due
            result = episode.tick()

    Args:
        process: Rig in which the episode runs.
        timeout_s: Longest duration of an episode.
        judge_hz: How often the judge is asked; None: after every tick.
        hold_s: How long success or failure must last until it counts.

    Attributes:
        verdict: How the episode ended; NONE while it runs.
        reason: Why it ended, in words.
        ticks: Number of control ticks since its beginning.
    """

    def __init__(
        self, process: InProcessRig, timeout_s: float, *, judge_hz: float | None = JUDGE_HZ, hold_s: float = HOLD_S
    ) -> None:
        self._process = process
        self._timeout_s = timeout_s
        self._judge = Judge(process.sim.task, hold_s)
        self._judge_hz = judge_hz
        self._forget()

    def begin(self, seed: int, prompt: str = "") -> str:
        """Place the scene of a seed, home and arm the rig; returns the task in words.

        Args:
            seed: Seed of the scene.
            prompt: Other words for the task; "": those of the scene.

        Raises:
            ValueError: The prompt names nothing in the scene.
            NotArmedError: The control loop refused to enable motion.
        """
        words = self._process.reset(seed, prompt)
        self._forget()
        self._judge.begin()
        return words

    @property
    def length_s(self) -> float:
        """How long the episode has lasted so far, or lasted until its end."""
        return self.ticks / self._process.rig.rate_hz

    def end(self, verdict: Verdict, reason: str) -> None:
        """End the episode for a reason that its caller knows, such as the verdict of an operator.

        Args:
            verdict: How it ended.
            reason: Why, in words.
        """
        self.verdict = verdict
        self.reason = reason

    def tick(self, on_slice: Callable[[int], None] = nothing) -> TickResult | None:
        """Step the rig by one control tick, and find out whether that ends the episode.

        Args:
            on_slice: Function that is called with the stamp [ns] after every piece of physics.

        Returns:
            What control did; None where physics diverged, or where the episode had ended before.
        """
        if self.verdict:
            return None
        self.ticks += 1
        try:
            result = self._process.tick(on_slice)
        except UnstablePhysicsError as error:
            self.end(Verdict.ABORT, str(error))
            return None
        self._find_end(result)
        return result

    def _find_end(self, result: TickResult) -> None:
        stamp_ns = self._process.stamp_ns
        judgement = None
        if self._judge_beat is None or self._judge_beat.due(stamp_ns):
            judgement = self._judge.judge(stamp_ns, self._process.sim.data)
        if judgement is not None:
            self.end(Verdict.SUCCESS if judgement.success else Verdict.FAILURE, judgement.reason)
        elif result.fault:  # no stream is ever silent here, so what was commanded is the cause
            self.end(Verdict.FAILURE, result.fault)
        elif self.length_s >= self._timeout_s:
            self.end(Verdict.TIMEOUT, f"no success within {self._timeout_s:g} s")

    def _forget(self) -> None:
        """Nothing is known of the next episode."""
        self.verdict = Verdict.NONE
        self.reason = ""
        self.ticks = 0
        self._judge_beat = None if self._judge_hz is None else Metronome(self._judge_hz)
