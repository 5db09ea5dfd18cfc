"""A wish for an episode."""

import threading
from dataclasses import dataclass, field

from aloe_data.episode import EpisodeRun


@dataclass
class Ticket:
    """Somebody's wish for an episode, and how far it has come."""

    episode: EpisodeRun
    timeout_s: float
    stops: int = 0  # emergency stops and faults until it was submitted
    running: threading.Event = field(default_factory=threading.Event)
    finished: threading.Event = field(default_factory=threading.Event)
