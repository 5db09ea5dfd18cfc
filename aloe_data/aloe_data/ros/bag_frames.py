"""A bag of one episode, read and aligned with the same code that aligns live streams."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from aloe_msgs.msg import EpisodeEvent, ExecutedAction
from tqdm import tqdm

from aloe_data.clock_steps import RisingTime, StreamClock
from aloe_data.codecs import CodecError
from aloe_data.frames import Episode, EpisodeError, EpisodeFacts, Tick, build_episode
from aloe_data.observation import StaleInput
from aloe_data.recording import EVENTS, EXECUTED, RecordingError
from aloe_data.rig import Rig
from aloe_data.ros.bag_reader import read_messages
from aloe_data.ros.bag_streams import BagStreams
from aloe_data.ros.convert import stamp_to_ns
from aloe_data.stream_buffer import Sample
from aloe_data.verdicts import GivenVerdict, VerdictError, verdict_of
from aloe_data.vocabulary import VERDICT_WORDS


def read_episode(bag: str | Path, rig: Rig, image_size: tuple[int, int] | None = None) -> Episode:
    """Read one episode; one without a STOP event (its recording was cut short) has the verdict "none".

    A verdict that was given after the recording (`aloe_data.verdicts`) takes the place of the bag's own.
    Messages that a live node would refuse (wrong size, NaN joints) are left out here as well, and counted.

    Args:
        bag: the bag's folder.
        rig: the rig that it was recorded with.
        image_size: (height, width) to resize images to [px]; None: as they are.

    Raises:
        EpisodeError: damaged or foreign bag, another rig, no start event or no executed ticks; names what and where.
    """
    try:
        reader = _read(Path(bag), rig, image_size, as_written=False)
        if reader.is_mixed:
            reader = _read(Path(bag), rig, image_size, as_written=True)
        return reader.episode(verdict_of(Path(bag)))
    except (RecordingError, CodecError, EpisodeError, VerdictError) as error:
        text = str(error)
        raise EpisodeError(text if text.startswith(str(bag)) else f"{bag}: {text}") from error


def read_episodes(
    bags: Sequence[Path], rig: Rig, image_size: tuple[int, int] | None = None, doing: str = "reading"
) -> Iterator[Episode]:
    """Read episodes one after the other, with a progress bar; says in the end which bags were left out, and why.

    Args:
        bags, rig, image_size: see `read_episode`.
        doing: what is done with them, for the progress bar.
    """
    problems = []
    for bag in tqdm(bags, unit="bag", desc=doing):
        try:
            episode = read_episode(bag, rig, image_size)
        except EpisodeError as error:
            problems.append(str(error))
            continue
        problems += [f"{bag}: {said}" for said in episode.left_out]
        yield episode
    for problem in problems:
        print(f"left out: {problem}")


def _read(bag: Path, rig: Rig, image_size: tuple[int, int] | None, as_written: bool) -> "_EpisodeReader":
    reader = _EpisodeReader(rig, image_size)
    time = RisingTime()
    for topic, message, received_ns in read_messages(bag, reader.topics, as_written):
        # Events are too rare to tell of a clock themselves.
        reader.take(topic, message, received_ns + time.set_back_ns if topic == EVENTS else time.of(topic, received_ns))
    return reader


class _EpisodeReader:
    """Collects the streams, the events and the ticks of one bag."""

    def __init__(self, rig: Rig, image_size: tuple[int, int] | None) -> None:
        self._rig = rig
        self._streams = BagStreams(rig, image_size)
        self._ticks: list[Tick] = []
        self._clock = StreamClock(EXECUTED, rig.rate_hz)
        self._events: list[tuple[EpisodeEvent, int]] = []
        self._seen: set[str] = set()

    @property
    def topics(self) -> list[str]:
        """What has to be read."""
        return [*self._streams.topics, EXECUTED, EVENTS]

    @property
    def is_mixed(self) -> bool:
        """Whether ticks were received in another order than they were made, as where the recorder's clock was set back.

        A control_node that was started anew counts from the beginning, too, but only once.
        """
        return sum(after.tick < before.tick for before, after in pairwise(self._ticks)) > 1

    def take(self, topic: str, message: Any, received_ns: int) -> None:
        """One message, in the order of reception, and when it was received [ns]."""
        self._seen.add(topic)
        if topic == EVENTS:
            self._events.append((message, received_ns))
        elif topic == EXECUTED:
            self._clock.add(stamp_to_ns(message.header.stamp), received_ns)
            if message.armed:
                self._ticks.append(self._tick(message, received_ns))
        else:
            self._streams.take(topic, message, received_ns)

    def episode(self, given: GivenVerdict | None) -> Episode:
        """The episode of what was taken, with the verdict that was given on it afterwards, if any."""
        if self.is_mixed:
            raise EpisodeError(
                f"the ticks on {EXECUTED} are mixed: two nodes published them, or the clock was set back and the"
                " messages were sorted since; give the bag as it was recorded"
            )
        missing = [topic for topic in self.topics if topic not in self._seen]
        if missing:
            raise EpisodeError(
                f"has no messages on {', '.join(missing)}; it is no episode of the rig '{self._rig.name}', "
                "or was recorded without them: read it with its own rig file"
            )
        start, stop = self._bounds()
        ticks = self._ticks_between()
        said = ("none", "the recording was cut short")
        if stop:
            said = (VERDICT_WORDS[stop.verdict], stop.reason, stop.source)
        said = (given.verdict, given.reason, given.source) if given else said
        facts = EpisodeFacts(start.episode_id, start.prompt, start.seed, *said)
        try:
            episode = build_episode(self._streams.assembler, self._rig, facts, ticks, self._clock_problem)
        except EpisodeError as error:
            raise EpisodeError("; ".join(filter(None, (str(error), self._streams.fault)))) from error
        return replace(episode, refused=dict(self._streams.refused))

    def _ticks_between(self) -> list[Tick]:
        """The ticks from START to STOP, in order."""
        by_event = {event.kind: (stamp_to_ns(event.header.stamp), received_ns) for event, received_ns in self._events}
        first_ns = by_event[EpisodeEvent.START]
        last_ns = by_event.get(EpisodeEvent.STOP, (sys.maxsize, sys.maxsize))
        if self._clock.step_ns:  # then reception is what tells the order of ticks and events
            return [tick for tick in self._ticks if first_ns[1] <= tick.received_ns <= last_ns[1]]
        return [tick for tick in self._ticks if first_ns[0] <= tick.stamp_ns <= last_ns[0]]

    def _clock_problem(self, tick: Tick, samples: Mapping[str, Sample[Any]] | StaleInput) -> str:
        return self._streams.clock_problem(self._clock, tick.stamp_ns, tick.received_ns, samples)

    def _bounds(self) -> tuple[EpisodeEvent, EpisodeEvent | None]:
        starts = [event for event, _ in self._events if event.kind == EpisodeEvent.START]
        stops = [event for event, _ in self._events if event.kind == EpisodeEvent.STOP]
        if len(starts) != 1 or len(stops) > 1:
            raise EpisodeError(
                f"has {len(starts)} START and {len(stops)} STOP events on {EVENTS} instead of one; "
                "record one bag per episode with recorder_node"
            )
        return starts[0], stops[0] if stops else None

    def _tick(self, message: ExecutedAction, received_ns: int) -> Tick:
        arms = {arm.arm: arm for arm in message.arms}
        missing = [arm.name for arm in self._rig.arms if arm.name not in arms]
        sizes = {arm.name: arm.dof for arm in self._rig.arms}
        wrong = [n for n, a in arms.items() if not len(a.requested) == len(a.executed) == sizes.get(n)]
        if missing or wrong:
            raise EpisodeError(
                f"{EXECUTED} has the arms {', '.join(arms)}, the rig '{self._rig.name}' has "
                f"{', '.join(f'{n} with {d} joints' for n, d in sizes.items())}; read it with its own rig file"
            )
        ordered = [arms[arm.name] for arm in self._rig.arms]
        return Tick(
            stamp_ns=stamp_to_ns(message.header.stamp),
            tick=message.tick,
            requested=np.concatenate([arm.requested for arm in ordered]),
            executed=np.concatenate([arm.executed for arm in ordered]),
            sources=tuple(arm.source for arm in ordered),
            operators=tuple(arm.operator_id for arm in ordered),
            reasons=tuple(arm.reason for arm in ordered),
            clips=tuple(arm.clip_reason for arm in ordered),
            chunk_id=message.chunk_id,
            step=message.step,
            policy_version=message.policy_version,
            received_ns=received_ns,
        )
