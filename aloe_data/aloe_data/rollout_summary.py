"""What a rollout prints: a line per episode, and a summary."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from aloe_data.statistics import TickStatistics, wilson_interval
from aloe_data.vocabulary import Verdict


@dataclass
class Takeovers:
    """How often people took arms over, in a stretch of control ticks.

    Attributes:
        count: Number of changes from no arm in human hands to some.
        arms: Number of the same changes for each arm.
        human_ticks: Number of ticks with an arm in human hands.
        ticks: Number of all ticks.
    """

    count: int = 0
    arms: Counter[str] = field(default_factory=Counter)
    human_ticks: int = 0
    ticks: int = 0
    _held: frozenset[str] = frozenset()

    def add_tick(self, human: Mapping[str, bool]) -> None:
        """One more tick: by arm, whether a human commands it."""
        held = frozenset(arm for arm, is_human in human.items() if is_human)
        if held and not self._held:  # the first arm of a takeover; more arms may follow during it
            self.count += 1
        self.arms.update(held - self._held)
        if held:
            self.human_ticks += 1
        self.ticks += 1
        self._held = held

    def __str__(self) -> str:
        arms = ", ".join(f"{arm} {count}" for arm, count in sorted(self.arms.items()))
        share = f"{100 * self.human_ticks / max(1, self.ticks):.0f} % of the time"
        counted = _counted(self.count, "takeover")
        return f"{counted} ({arms}; {share})" if self.count else counted


@dataclass(frozen=True)
class EpisodeOutcome:
    """How one episode ended."""

    episode_id: str
    verdict: Verdict
    length_s: float
    bag: str  # "" when nothing was recorded
    messages_lost: int
    reason: str
    takeovers: Takeovers = field(default_factory=Takeovers)


def episode_line(number: int, of: int, outcome: EpisodeOutcome) -> str:
    """One line for people: outcome, length, bag, takeovers if any, and the reason where it was no success."""
    parts = [f"episode {number}/{of}", f"{outcome.verdict.name.lower():8}", f"{outcome.length_s:5.1f} s"]
    parts.append(outcome.bag or "not recorded")
    if outcome.takeovers.count:
        parts.append(str(outcome.takeovers))
    if outcome.verdict is not Verdict.SUCCESS and outcome.reason:
        parts.append(outcome.reason)
    return "  ".join(parts)


def summary_lines(outcomes: Sequence[EpisodeOutcome], ticks: TickStatistics, elapsed_s: float) -> list[str]:
    """Success rate with its 95 % interval, throughput, takeovers, control ticks, lost messages.

    Args:
        outcomes: Outcomes of all episodes; aborted ones do not count as trials.
        ticks: Punctuality of the armed control ticks.
        elapsed_s: Time from the first episode's preparation to the last one's end [s].
    """
    trials = [o for o in outcomes if o.verdict is not Verdict.ABORT]
    successes = sum(o.verdict is Verdict.SUCCESS for o in trials)
    aborted = len(outcomes) - len(trials)
    lines = []
    if trials:
        low, high = wilson_interval(successes, len(trials))
        rate = f"{100 * successes / len(trials):.0f} %, 95 % interval {100 * low:.0f} to {100 * high:.0f} %"
        lines.append(f"success      {successes} of {len(trials)} ({rate})")
    if aborted:
        lines.append(f"aborted      {aborted}")
    if elapsed_s > 0 and trials:
        lines.append(f"throughput   {3600 * successes / elapsed_s:.0f} successes/h")
    if touched := sum(o.takeovers.count > 0 for o in outcomes):
        lines.append(f"human        {_total(outcomes)} in {_counted(touched, 'episode')}")
    late = f"{ticks.missed} missed, jitter p99 {ticks.jitter_p99_ms:.2f} ms"
    lines.append(f"control      {ticks.ticks} ticks, {late}")
    if any(o.bag for o in outcomes):
        lines.append(f"recorder     {sum(o.messages_lost for o in outcomes)} messages lost")
    return lines


def _counted(number: int, what: str) -> str:
    """A number of things in words: "1 episode", "2 episodes"."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _total(outcomes: Sequence[EpisodeOutcome]) -> Takeovers:
    total = Takeovers()
    for takeovers in (outcome.takeovers for outcome in outcomes):
        total.count += takeovers.count
        total.arms.update(takeovers.arms)
        total.human_ticks += takeovers.human_ticks
        total.ticks += takeovers.ticks
    return total
