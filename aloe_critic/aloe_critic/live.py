"""What a critic does beside a running robot: which chunk it scores next, and when it alerts an operator."""

from collections.abc import Callable
from dataclasses import dataclass
from threading import Condition

from aloe_critic.estimates import Estimates
from aloe_data.chunk import Chunk
from aloe_data.config import parameter


@dataclass(frozen=True)
class AlertConfig:
    """When an operator is alerted."""

    low_advantage: float = parameter(1.0, low=0.0, unit="std(Q)", doc="alert where Q is this far below V; 0: never")
    high_spread: float = parameter(1.0, low=0.0, unit="std(Q)", doc="alert where critics disagree so much; 0: never")


def alert(estimates: Estimates, q_std: float, config: AlertConfig) -> str:
    """What is alarming about a chunk, in words; "" for nothing.

    Args:
        estimates: of one chunk.
        q_std: the unit of the limits.
        config: the limits.
    """
    worse = -float(estimates.advantage[0]) / q_std
    spread = float(estimates.spread[0]) / q_std
    said = []
    if config.low_advantage and worse > config.low_advantage:
        said.append(f"this chunk is {worse:.1f} std(Q) worse than what the policy mostly does here")
    if config.high_spread and spread > config.high_spread:
        said.append(f"the critics disagree by {spread:.1f} std(Q): their data hold little like this")
    return "; ".join(said)


@dataclass(frozen=True, eq=False)
class Question:
    """A chunk to be scored, and the task in words at the time it came."""

    chunk: Chunk
    prompt: str


class NewestQuestion:
    """Room for one question: one that comes before the last was taken replaces it, so that scoring never falls behind.

    One thread may ask while another answers.

    Attributes:
        skipped: Number of questions that were replaced.
    """

    def __init__(self) -> None:
        self.skipped = 0
        self._waiting: Question | None = None
        self._changed = Condition()
        self._closed = False

    def ask(self, question: Question) -> None:
        """Put a question."""
        with self._changed:
            self.skipped += self._waiting is not None
            self._waiting = question
            self._changed.notify()

    def recheck(self) -> None:
        """Something else has changed that may let a question be taken."""
        with self._changed:
            self._changed.notify()

    def close(self) -> None:
        """No more questions are taken."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def forget(self) -> None:
        """Drop what waits, as after a jump of the clock."""
        with self._changed:
            self._waiting = None

    def take(self, ready: Callable[[Chunk], bool]) -> Question | None:
        """Wait for a question that is ready to be answered; None when closed."""
        with self._changed:
            while not self._closed:
                if self._waiting is not None and ready(self._waiting.chunk):
                    question = self._waiting
                    self._waiting = None
                    return question
                self._changed.wait()
        return None
