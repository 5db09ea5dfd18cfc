"""The life of an episode as a table: phases, what can happen in them, and what is then to be done."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto

from aloe_data.vocabulary import NS, Verdict


class Phase(Enum):
    """Where an episode is."""

    IDLE = auto()
    RESETTING = auto()  # the scene goes to its initial state
    OPENING = auto()  # the recorder opens a bag
    ARMING = auto()  # waiting until control_node enables motion
    RUNNING = auto()
    DISARMING = auto()
    CLOSING = auto()  # the recorder closes the bag


class Event(Enum):
    """What can happen to an episode."""

    START = auto()
    DONE = auto()  # the step of this phase has succeeded
    FAILED = auto()  # it has failed
    END = auto()  # a verdict, a timeout, a fault, an operator who aborts


class Effect(Enum):
    """What is to be done; the first five end with DONE or FAILED."""

    RESET_SCENE = auto()
    OPEN_BAG = auto()
    ARM = auto()
    DISARM = auto()
    CLOSE_BAG = auto()
    PUBLISH_STATE = auto()
    EMIT_START = auto()
    EMIT_END = auto()  # the events VERDICT and STOP
    FINISH = auto()  # tell whoever asked for the episode


_P = Phase
_E = Event
_X = Effect
# An END that comes while a step is under way is kept until the step is done: a service call cannot be taken back.
TRANSITIONS: Mapping[tuple[Phase, Event], tuple[Phase, tuple[Effect, ...]]] = {
    (_P.IDLE, _E.START): (_P.RESETTING, (_X.RESET_SCENE,)),
    (_P.RESETTING, _E.DONE): (_P.OPENING, (_X.OPEN_BAG,)),
    (_P.RESETTING, _E.FAILED): (_P.IDLE, (_X.PUBLISH_STATE, _X.FINISH)),
    (_P.OPENING, _E.DONE): (_P.ARMING, (_X.PUBLISH_STATE, _X.ARM)),
    (_P.OPENING, _E.FAILED): (_P.IDLE, (_X.PUBLISH_STATE, _X.FINISH)),
    (_P.ARMING, _E.DONE): (_P.RUNNING, (_X.EMIT_START, _X.PUBLISH_STATE)),
    (_P.ARMING, _E.FAILED): (_P.DISARMING, (_X.PUBLISH_STATE, _X.DISARM)),  # a late answer must not leave it armed
    (_P.RUNNING, _E.END): (_P.DISARMING, (_X.EMIT_END, _X.PUBLISH_STATE, _X.DISARM)),
    (_P.DISARMING, _E.DONE): (_P.CLOSING, (_X.CLOSE_BAG,)),
    (_P.DISARMING, _E.FAILED): (_P.CLOSING, (_X.CLOSE_BAG,)),
    (_P.CLOSING, _E.DONE): (_P.IDLE, (_X.PUBLISH_STATE, _X.FINISH)),
    (_P.CLOSING, _E.FAILED): (_P.IDLE, (_X.PUBLISH_STATE, _X.FINISH)),
}
# Where an END that was kept leads when the step is done.
_ABANDON: Mapping[Phase, tuple[Phase, tuple[Effect, ...]]] = {
    Phase.RESETTING: (_P.IDLE, (_X.PUBLISH_STATE, _X.FINISH)),
    Phase.OPENING: (_P.CLOSING, (_X.PUBLISH_STATE, _X.CLOSE_BAG)),
    Phase.ARMING: (_P.DISARMING, (_X.PUBLISH_STATE, _X.DISARM)),
}


# Sources of verdicts that are parts of the machine and speak of the running episode only; all others are people.
MACHINE = ("control_node", "episode_node", "recorder_node", "sim")


@dataclass(frozen=True)
class Ending:
    """Why an episode ends: verdict, who says so, and a reason for people to read."""

    verdict: Verdict
    source: str
    reason: str = ""

    @property
    def by_operator(self) -> bool:
        """Whether an operator says so, by whatever device."""
        return self.source not in MACHINE


@dataclass
class EpisodeRun:
    """The episode that is under way, or the last one."""

    episode_id: str = ""
    prompt: str = ""
    seed: int = 0
    bag: str = ""
    ending: Ending | None = None
    started_ns: int | None = None  # when motion was enabled
    ended_ns: int | None = None
    messages_written: int = 0
    messages_lost: int = 0

    @property
    def length_s(self) -> float:
        """Time from START to STOP [s]."""
        if self.started_ns is None or self.ended_ns is None:
            return 0.0
        return (self.ended_ns - self.started_ns) / NS


@dataclass
class EpisodeMachine:
    """Steps through TRANSITIONS; what is not in the table changes nothing."""

    phase: Phase = Phase.IDLE
    episode: EpisodeRun = field(default_factory=EpisodeRun)

    def start(self, episode: EpisodeRun) -> tuple[Effect, ...]:
        """Begin an episode; nothing happens while another one is under way."""
        if self.phase is not Phase.IDLE:
            return ()
        self.episode = episode
        return self._go(*TRANSITIONS[self.phase, Event.START])

    def done(self) -> tuple[Effect, ...]:
        """The step of this phase has succeeded."""
        if self.episode.ending is not None and self.phase in _ABANDON:
            return self._go(*_ABANDON[self.phase])
        return self._step(Event.DONE)

    def failed(self, reason: str) -> tuple[Effect, ...]:
        """The step of this phase has failed; before the start that aborts the episode."""
        if self.phase in _ABANDON and self.episode.ending is None:
            self.episode.ending = Ending(Verdict.ABORT, "episode_node", reason)
        return self._step(Event.FAILED)

    def end(self, ending: Ending) -> tuple[Effect, ...]:
        """The episode is to end; the first reason counts. Before it runs it can only be aborted."""
        if self.phase in (Phase.IDLE, Phase.DISARMING, Phase.CLOSING) or self.episode.ending is not None:
            return ()
        if self.phase is not Phase.RUNNING and ending.verdict is not Verdict.ABORT:
            return ()  # a late word about the episode before
        self.episode.ending = ending
        return self._step(Event.END)

    def _step(self, event: Event) -> tuple[Effect, ...]:
        transition = TRANSITIONS.get((self.phase, event))
        return () if transition is None else self._go(*transition)

    def _go(self, phase: Phase, effects: tuple[Effect, ...]) -> tuple[Effect, ...]:
        self.phase = phase
        return effects
