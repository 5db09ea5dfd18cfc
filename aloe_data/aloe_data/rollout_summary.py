"""What a rollout prints: a line per episode, and a summary."""

from collections.abc import Sequence
from dataclasses import dataclass

from aloe_data.episode import Verdict
from aloe_data.statistics import TickStatistics, wilson_interval


@dataclass(frozen=True)
class Outcome:
    """How one episode ended."""

    episode_id: str
    verdict: Verdict
    length_s: float
    bag: str  # "" when nothing was recorded
    messages_lost: int
    reason: str


def episode_line(number: int, of: int, outcome: Outcome) -> str:
    """One line for people: outcome, length, bag, and the reason where it was no success."""
    parts = [f"episode {number}/{of}", f"{outcome.verdict.name.lower():8}", f"{outcome.length_s:5.1f} s"]
    parts.append(outcome.bag or "not recorded")
    if outcome.verdict is not Verdict.SUCCESS and outcome.reason:
        parts.append(outcome.reason)
    return "  ".join(parts)


def summary_lines(outcomes: Sequence[Outcome], ticks: TickStatistics, elapsed_s: float) -> list[str]:
    """Success rate with its 95 % interval, throughput, control ticks, lost messages.

    Args:
        outcomes: of all episodes; aborted ones do not count as trials.
        ticks: of the armed control ticks.
        elapsed_s: from the first episode's preparation to the last one's end, s.
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
    late = f"{ticks.missed} missed, jitter p99 {ticks.jitter_p99_ms:.2f} ms"
    lines.append(f"control      {ticks.ticks} ticks, {late}")
    if any(o.bag for o in outcomes):
        lines.append(f"recorder     {sum(o.messages_lost for o in outcomes)} messages lost")
    return lines
