"""While an episode runs: its time limit, a clock that misbehaves, and a recorder that cannot say that it is gone."""

from aloe_data.episode import Ending, Verdict

_SOURCE = "episode_node"


class EpisodeWatch:
    """Looks at the clock every now and then; pure, time is an argument.

    Args:
        silence_s: clock or recorder silent for longer: the episode is aborted [s].
        recorded: whether there is a recorder.
    """

    def __init__(self, silence_s: float, recorded: bool) -> None:
        self._silence_s, self._recorded = silence_s, recorded
        self._started_ns = self._clock_ns = 0
        self._timeout_s = self._clock_moved_s = self._recorder_heard_s = 0.0

    def begin(self, now_ns: int, now_s: float, timeout_s: float) -> None:
        """An episode begins.

        Args:
            now_ns: the node's clock, simulated perhaps [ns].
            now_s: a steady clock [s].
            timeout_s: limit for the episode, by the node's clock [s].
        """
        self._started_ns = self._clock_ns = now_ns
        self._clock_moved_s, self._timeout_s = now_s, timeout_s

    def recorder_heard(self, now_s: float) -> None:
        """The recorder is alive."""
        self._recorder_heard_s = now_s

    def look(self, now_ns: int, now_s: float) -> Ending | None:
        """Why the episode that runs must end now; None: it goes on."""
        back_s = (self._clock_ns - now_ns) / 1e9
        if now_ns != self._clock_ns:
            self._clock_ns, self._clock_moved_s = now_ns, now_s
        limit_s = self._silence_s
        if back_s > 0:
            return _abort(f"time went back by {back_s:.3f} s; restart what publishes the time")
        if now_ns - self._started_ns >= self._timeout_s * 1e9:
            return Ending(Verdict.TIMEOUT, _SOURCE, f"no verdict within {self._timeout_s:g} s")
        if now_s - self._clock_moved_s > limit_s:
            return _abort(f"/clock stands still for {limit_s:g} s; is the simulation running?")
        if self._recorded and now_s - self._recorder_heard_s > limit_s:
            remedy = "is it running? the bag may end early (ros2 bag reindex)"
            return _abort(f"recorder_node silent for {limit_s:g} s; {remedy}")
        return None


def _abort(reason: str) -> Ending:
    return Ending(Verdict.ABORT, _SOURCE, reason)
