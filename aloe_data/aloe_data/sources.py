"""Who acts in a segment: a demonstrator, the policy, or a human who corrects it."""

from collections.abc import Iterable

from aloe_data.segments import HOLD, HUMAN, Segment

DEMO = 0
AUTONOMOUS = 1
BY_HUMAN = 2
SOURCES = ("demo", "autonomous", "human")
DEMONSTRATORS = ("expert",)  # policy versions whose episodes are demonstrations


def source_of(segment: Segment, episode: Iterable[Segment], policy: str) -> int:
    """Who acts in a segment, index into SOURCES; an episode that is all by hand is a demonstration, no correction.

    Args:
        segment: Segment that is no hold.
        episode: All segments of its episode.
        policy: Version of the policy that commanded most of the episode.
    """
    if segment.kind == HUMAN:
        return BY_HUMAN if any(s.kind not in (HUMAN, HOLD) for s in episode) else DEMO
    return DEMO if policy in DEMONSTRATORS else AUTONOMOUS
