"""While an episode runs: its time limit, a clock that misbehaves, and nodes that cannot say that they are gone."""

from aloe_data.episode import Ending
from aloe_data.vocabulary import NS, Verdict

_SOURCE = "episode_node"
_REMEDIES = {
    "recorder_node": "is it running? the bag may end early (ros2 run aloe_data repair)",
    "control_node": "is it running? nobody commands the arms; look at the robot",
}


class EpisodeWatch:
    """Looks at the clock every now and then; pure, time is an argument.

    Args:
        silence_s: Time after which a silent clock or node aborts the episode [s].
        recorded: Whether there is a recorder.
    """

    def __init__(self, silence_s: float, recorded: bool) -> None:
        self._silence_s = silence_s
        self._nodes = ("control_node", "recorder_node") if recorded else ("control_node",)
        self._started_ns = 0
        self._clock_ns = 0
        self._timeout_s = 0.0
        self._clock_moved_s = 0.0
        self._heard_s: dict[str, float] = {}

    def begin(self, now_ns: int, now_s: float, timeout_s: float) -> None:
        """An episode begins.

        Args:
            now_ns: Time of the node's clock, which may be simulated [ns].
            now_s: Time of a steady clock [s].
            timeout_s: Limit for the episode, by the node's clock [s].
        """
        self._started_ns = now_ns
        self._clock_ns = now_ns
        self._clock_moved_s = now_s
        self._timeout_s = timeout_s
        self._heard_s = dict.fromkeys(self._nodes, now_s)  # they have just answered

    def heard(self, node: str, now_s: float) -> None:
        """A node is alive."""
        self._heard_s[node] = now_s

    def look(self, now_ns: int, now_s: float) -> Ending | None:
        """Why the episode that runs must end now; None: it goes on."""
        back_s = (self._clock_ns - now_ns) / NS
        if now_ns != self._clock_ns:
            self._clock_ns = now_ns
            self._clock_moved_s = now_s
        limit_s = self._silence_s
        if back_s > 0:
            return _abort(f"time went back by {back_s:.3f} s; restart what publishes the time")
        if now_ns - self._started_ns >= self._timeout_s * NS:
            return Ending(Verdict.TIMEOUT, _SOURCE, f"no verdict within {self._timeout_s:g} s")
        if now_s - self._clock_moved_s > limit_s:
            return _abort(f"/clock stands still for {limit_s:g} s; is the simulation running?")
        for node in self._nodes:
            if now_s - self._heard_s[node] > limit_s:
                return _abort(f"{node} silent for {limit_s:g} s; {_REMEDIES[node]}")
        return None


def _abort(reason: str) -> Ending:
    return Ending(Verdict.ABORT, _SOURCE, reason)
