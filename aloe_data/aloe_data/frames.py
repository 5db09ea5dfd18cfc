"""A recorded episode as arrays: what was observed and executed at every control tick."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aloe_data.codecs import Image
from aloe_data.observation import ObservationAssembler, StaleInput
from aloe_data.rig import Rig
from aloe_data.stream_buffer import Sample


class EpisodeError(ValueError):
    """A bag that cannot be read as an episode of the rig; the message names the bag, the fault and the remedy."""


@dataclass(frozen=True)
class EpisodeFacts:
    """What was said about an episode: id, task in words, scene seed, verdict (of VERDICT_WORDS), why, and by whom."""

    episode_id: str
    prompt: str
    seed: int
    verdict: str
    reason: str
    verdict_source: str = ""


@dataclass(frozen=True, eq=False)
class Tick:
    """One control tick as recorded.

    Attributes:
        requested: [S] joint set points of all arms in the rig's order before limits, grippers last in each [rad, m].
        executed: [S] those that were sent.
        sources: Authority over each arm (0 hold, 1 policy, 2 human).
        operators: Name of the human at each arm; "": none.
        reasons: Reason of that authority, in words.
        clips: Limits that changed the request of each arm: "" or "velocity", "jerk", ...
        chunk_id, step: Number of the chunk that was followed, and the row of it; chunk 0: none.
        received_ns: Time at which the recorder received it [ns].
    """

    stamp_ns: int
    tick: int
    requested: NDArray[np.float64]
    executed: NDArray[np.float64]
    sources: tuple[int, ...]
    operators: tuple[str, ...]
    reasons: tuple[str, ...]
    clips: tuple[str, ...]
    chunk_id: int
    step: int
    policy_version: str
    received_ns: int = 0


@dataclass(frozen=True, eq=False)
class Words:
    """A text per tick and arm, every different text held once.

    Attributes:
        vocabulary: Texts that occur, in order of their first use.
        index: Index of each text in `vocabulary`, int32 [T, A].
    """

    vocabulary: tuple[str, ...]
    index: NDArray[np.int32]

    @classmethod
    def of(cls, rows: Iterable[Sequence[str]]) -> "Words":
        """From T rows of A texts."""
        numbers: dict[str, int] = {}
        index = [[numbers.setdefault(text, len(numbers)) for text in row] for row in rows]
        return cls(tuple(numbers), np.array(index, dtype=np.int32))

    def at(self, tick: int, arm: int) -> str:
        """The text at a tick (position within the episode) for an arm (position in the rig)."""
        return self.vocabulary[self.index[tick, arm]]


@dataclass(frozen=True, eq=False)
class Episode:
    """One episode aligned to its T control ticks, for the A arms and C cameras of a rig with S joints.

    Attributes:
        facts: Prompt, seed and verdict.
        rig: Rig that it was read with.
        stamps_ns: Times of the ticks, int64 [T]; every observation is assembled at them.
        ticks: Counter of control_node, int64 [T]; a step of more than one is a lost tick.
        state: Measured joint positions, float32 [T, S]; NaN where not observed.
        observed: Whether a policy would have inferred, bool [T]: false where a stream was missing or stale.
        frames: Frames of each camera by its name, uint8 [F, h, w, 3]; every frame used, once.
        frame_index: Index of each tick's frames in `frames`, int64 [T, C]; -1 where not observed.
        requested: Joint set points before limits, float32 [T, S].
        executed: Joint set points that were sent, float32 [T, S].
        source: Authority over each arm, uint8 [T, A] (0 hold, 1 policy, 2 human).
        operator, reason, clip: Name of the human, reason of the authority, limits that changed the request; "": none.
        chunk_id, step: Number of the chunk that was followed, and the row of it, int64 [T]; chunk 0: none.
        policy_version: [T], version of that chunk; "" for none.
        refused: Number of messages that were left out, as a live node would have, by topic.
        spoilt: Reason to the number of ticks that are not observed because of it, where messages contradict each other.
    """

    facts: EpisodeFacts
    rig: Rig
    stamps_ns: NDArray[np.int64]
    ticks: NDArray[np.int64]
    state: NDArray[np.float32]
    observed: NDArray[np.bool_]
    frames: Mapping[str, Image]
    frame_index: NDArray[np.int64]
    requested: NDArray[np.float32]
    executed: NDArray[np.float32]
    source: NDArray[np.uint8]
    operator: Words
    reason: Words
    clip: Words
    chunk_id: NDArray[np.int64]
    step: NDArray[np.int64]
    policy_version: tuple[str, ...]
    refused: Mapping[str, int] = field(default_factory=dict)
    spoilt: Mapping[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.stamps_ns)

    @property
    def prompt(self) -> str:
        return self.facts.prompt

    @cached_property
    def lost_ticks(self) -> int:
        """Control ticks inside the episode that the bag does not hold."""
        return int(np.sum(np.diff(self.ticks) - 1))

    @property
    def left_out(self) -> list[str]:
        """How many ticks are not observed because messages contradict each other, and why, in words."""
        return [f"{number} of {len(self)} ticks are left out: {reason}" for reason, number in self.spoilt.items()]

    def images(self, ticks: ArrayLike | None = None) -> Image:
        """The views uint8 [n, C, h, w, 3] at `ticks` (positions within the episode; default: all T).

        Raises:
            ValueError: cameras of different sizes (give `image_size` when reading), or a tick that was not observed.
        """
        index = self.frame_index if ticks is None else self.frame_index[np.asarray(ticks)]
        if (index < 0).any():
            raise ValueError("asked for images of ticks that were not observed; use those where `observed` is true")
        views = [self.frames[camera.name][index[:, c]] for c, camera in enumerate(self.rig.cameras)]
        return np.stack(views, axis=1)


def never_spoilt(tick: Tick, samples: Mapping[str, Sample[Any]] | StaleInput) -> str:
    """For streams that nothing more is known of than their stamps."""
    return ""


def build_episode(
    assembler: ObservationAssembler,
    rig: Rig,
    facts: EpisodeFacts,
    ticks: Sequence[Tick],
    spoilt: Callable[[Tick, Mapping[str, Sample[Any]] | StaleInput], str] = never_spoilt,
) -> Episode:
    """Align recorded streams to control ticks.

    Args:
        assembler: Assembler that was made with `keep_all`, and holds the episode's streams.
        rig: Rig of the assembler.
        facts: Facts of the episode.
        ticks: Ticks in order of time; at least one.
        spoilt: Function that tells why the samples chosen for a tick are not of its time; "" where they are.

    Raises:
        EpisodeError: no ticks, or no tick at which every stream was there and fresh.
        CodecError: an image that cannot be decoded.
    """
    if not ticks:
        raise EpisodeError("no armed control tick between start and stop; was control_node running and armed?")
    observed = np.zeros(len(ticks), dtype=bool)
    state = np.full((len(ticks), rig.state_dim), np.nan, dtype=np.float32)
    index = np.full((len(ticks), len(rig.cameras)), -1, dtype=np.int64)
    frames: dict[str, Image] = {}  # room for one frame per tick; what is not used stays untouched memory
    used = dict.fromkeys((camera.name for camera in rig.cameras), 0)
    newest = dict.fromkeys(used, -1)
    problem = ""
    reasons: Counter[str] = Counter()
    for row, tick in enumerate(ticks):
        samples = assembler.select_at(tick.stamp_ns)
        reason = spoilt(tick, samples)
        if isinstance(samples, StaleInput):
            reason = reason or samples.problem
        if reason:
            reasons[reason] += 1
        if reason or isinstance(samples, StaleInput):
            problem = problem or reason or str(samples)
            continue
        observed[row] = True
        state[row] = np.concatenate([samples[arm.name].value for arm in rig.arms])
        for column, camera in enumerate(rig.cameras):
            sample = samples[camera.name]
            if sample.stamp_ns != newest[camera.name]:
                newest[camera.name] = sample.stamp_ns
                image = assembler.decode(camera, sample)
                if camera.name not in frames:
                    frames[camera.name] = np.empty((len(ticks), *image.shape), dtype=np.uint8)
                frames[camera.name][used[camera.name]] = image
                used[camera.name] += 1
            index[row, column] = used[camera.name] - 1
    if not observed.any():
        raise EpisodeError(f"no tick with a complete observation: {problem}")
    return Episode(
        facts=facts,
        rig=rig,
        stamps_ns=np.array([tick.stamp_ns for tick in ticks], dtype=np.int64),
        ticks=np.array([tick.tick for tick in ticks], dtype=np.int64),
        state=state,
        observed=observed,
        frames={name: images[: used[name]] for name, images in frames.items()},
        frame_index=index,
        requested=np.stack([tick.requested for tick in ticks]).astype(np.float32),
        executed=np.stack([tick.executed for tick in ticks]).astype(np.float32),
        source=np.array([tick.sources for tick in ticks], dtype=np.uint8),
        operator=Words.of(tick.operators for tick in ticks),
        reason=Words.of(tick.reasons for tick in ticks),
        clip=Words.of(tick.clips for tick in ticks),
        chunk_id=np.array([tick.chunk_id for tick in ticks], dtype=np.int64),
        step=np.array([tick.step for tick in ticks], dtype=np.int64),
        policy_version=tuple(tick.policy_version for tick in ticks),
        spoilt=dict(reasons),
    )
