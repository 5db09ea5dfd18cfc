"""A bag of one episode, read and aligned with the same code that aligns live streams."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from aloe_msgs.msg import EpisodeEvent, ExecutedAction
from tqdm import tqdm

from aloe_data.codecs import CodecError
from aloe_data.frames import VERDICTS, Episode, EpisodeError, EpisodeFacts, Tick, build_episode
from aloe_data.recording import RecordingError
from aloe_data.rig import Rig
from aloe_data.ros.bag_reader import read_messages
from aloe_data.ros.bag_streams import BagStreams
from aloe_data.ros.convert import stamp_to_ns
from aloe_data.verdicts import GivenVerdict, VerdictError, verdict_of

_EXECUTED, _EVENTS = "/executed_action", "/episode/events"


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
    reader = _EpisodeReader(rig, image_size)
    try:
        for topic, message, _ in read_messages(Path(bag), reader.topics):
            reader.take(topic, message)
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
        yield episode
    for problem in problems:
        print(f"left out: {problem}")


class _EpisodeReader:
    """Collects the streams, the events and the ticks of one bag."""

    def __init__(self, rig: Rig, image_size: tuple[int, int] | None) -> None:
        self._rig = rig
        self._streams = BagStreams(rig, image_size)
        self._ticks: list[Tick] = []
        self._events: list[EpisodeEvent] = []
        self._seen: set[str] = set()

    @property
    def topics(self) -> list[str]:
        """What has to be read."""
        return [*self._streams.topics, _EXECUTED, _EVENTS]

    def take(self, topic: str, message: Any) -> None:
        """One message, in the order of reception."""
        self._seen.add(topic)
        if topic == _EVENTS:
            self._events.append(message)
        elif topic == _EXECUTED:
            if message.armed:
                self._ticks.append(self._tick(message))
        else:
            self._streams.take(topic, message)

    def episode(self, given: GivenVerdict | None) -> Episode:
        """The episode of what was taken, with the verdict that was given on it afterwards, if any."""
        missing = [topic for topic in self.topics if topic not in self._seen]
        if missing:
            raise EpisodeError(
                f"has no messages on {', '.join(missing)}; it is no episode of the rig '{self._rig.name}', "
                "or was recorded without them: read it with its own rig file"
            )
        start, stop = self._bounds()
        first_ns = stamp_to_ns(start.header.stamp)
        last_ns = stamp_to_ns(stop.header.stamp) if stop else sys.maxsize
        ticks = [tick for tick in self._ticks if first_ns <= tick.stamp_ns <= last_ns]  # by stamps, not by reception
        said = (VERDICTS[stop.verdict], stop.reason, stop.source) if stop else ("none", "the recording was cut short")
        said = (given.verdict, given.reason, given.source) if given else said
        facts = EpisodeFacts(start.episode_id, start.prompt, start.seed, *said)
        try:
            episode = build_episode(self._streams.assembler, self._rig, facts, ticks)
        except EpisodeError as error:
            raise EpisodeError("; ".join(filter(None, (str(error), self._streams.fault)))) from error
        return replace(episode, refused=dict(self._streams.refused))

    def _bounds(self) -> tuple[EpisodeEvent, EpisodeEvent | None]:
        starts = [event for event in self._events if event.kind == EpisodeEvent.START]
        stops = [event for event in self._events if event.kind == EpisodeEvent.STOP]
        if len(starts) != 1 or len(stops) > 1:
            raise EpisodeError(
                f"has {len(starts)} START and {len(stops)} STOP events on {_EVENTS} instead of one; "
                "record one bag per episode with recorder_node"
            )
        return starts[0], stops[0] if stops else None

    def _tick(self, message: ExecutedAction) -> Tick:
        arms = {arm.arm: arm for arm in message.arms}
        missing = [arm.name for arm in self._rig.arms if arm.name not in arms]
        sizes = {arm.name: arm.dof for arm in self._rig.arms}
        wrong = [n for n, a in arms.items() if not len(a.requested) == len(a.executed) == sizes.get(n)]
        if missing or wrong:
            raise EpisodeError(
                f"{_EXECUTED} has the arms {', '.join(arms)}, the rig '{self._rig.name}' has "
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
        )
