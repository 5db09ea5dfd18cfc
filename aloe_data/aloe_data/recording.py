"""What a recording consists of: topics that follow from the rig, episode folders, room on the disk, losses."""

import json
import re
import shutil
import struct
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from aloe_data.rig import Rig

_EPISODE = re.compile(r"ep_(\d{4,})")
GIB = 1 << 30


class RecordingError(RuntimeError):
    """A recording that cannot be made or read; the message names the folder and the remedy."""


@dataclass(frozen=True)
class RecordedTopic:
    """One topic of a recording.

    `latched`: its last message belongs into every bag. `sequenced`: a counter that rises by one follows its header, so
    that messages which never arrived can be counted. `continuous`: it is published all the time, episode or not.
    """

    name: str
    type: str
    latched: bool = False
    sequenced: bool = False
    continuous: bool = False


_SUITE_TOPICS = (
    RecordedTopic("/policy/action_chunk", "aloe_msgs/msg/ActionChunk", sequenced=True),
    RecordedTopic("/executed_action", "aloe_msgs/msg/ExecutedAction", sequenced=True, continuous=True),
    RecordedTopic("/intervention", "aloe_msgs/msg/Intervention", latched=True),
    RecordedTopic("/intervention/request", "aloe_msgs/msg/InterventionRequest"),
    RecordedTopic("/episode/state", "aloe_msgs/msg/EpisodeState", latched=True),
    RecordedTopic("/episode/events", "aloe_msgs/msg/EpisodeEvent"),
    RecordedTopic("/episode/verdict", "aloe_msgs/msg/EpisodeEvent"),
    RecordedTopic("/policy/checkpoint", "aloe_msgs/msg/PolicyCheckpoint", latched=True),
    RecordedTopic("/diagnostics", "diagnostic_msgs/msg/DiagnosticArray"),
)
SEQUENCED = tuple(topic.name for topic in _SUITE_TOPICS if topic.sequenced)
_TASK = RecordedTopic("/sim/task_state", "aloe_msgs/msg/TaskState")
_CLOCK = RecordedTopic("/clock", "rosgraph_msgs/msg/Clock")


def recorded_topics(rig: Rig, use_sim_time: bool) -> tuple[RecordedTopic, ...]:
    """All topics of a recording: the rig's streams, commands and their human sources, then the suite's own."""
    cameras = [RecordedTopic(camera.topic, camera.message_type, continuous=True) for camera in rig.cameras]
    states = [RecordedTopic(arm.joint_state_topic, "sensor_msgs/msg/JointState", continuous=True) for arm in rig.arms]
    commands = [RecordedTopic(arm.command_topic, arm.command_type) for arm in rig.arms]
    human = [RecordedTopic(f"/teleop/{arm.name}/command", "aloe_msgs/msg/TeleopCommand") for arm in rig.arms]
    simulated = [*([_TASK] if rig.simulated else []), *([_CLOCK] if use_sim_time else [])]
    return (*cameras, *states, *commands, *human, *_SUITE_TOPICS, *simulated)


def next_episode_id(names: Iterable[str]) -> str:
    """The id after the highest among the names of a folder's entries: "ep_0000", "ep_0001", ..."""
    numbers = [int(match[1]) for match in map(_EPISODE.fullmatch, names) if match]
    return f"ep_{max(numbers, default=-1) + 1:04d}"


def check_folder(folder: Path, min_free_gib: float) -> None:
    """Make the folder of the recordings and see that it can be written and has room.

    Raises:
        RecordingError: It cannot be used.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".write_test"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise RecordingError(
            f"cannot record into {folder}: {error.strerror};"
            " make the folder writable or choose another one (record:=FOLDER)"
        ) from error
    check_room(folder, min_free_gib)


def check_room(folder: Path, min_free_gib: float) -> None:
    """See that the disk keeps its reserve.

    Raises:
        RecordingError: Less than `min_free_gib` [GiB] is free.
    """
    free_gib = shutil.disk_usage(folder).free / GIB
    if free_gib < min_free_gib:
        raise RecordingError(
            f"disk of {folder} has {free_gib:.2f} GiB free, less than min_free_gib {min_free_gib:g};"
            " delete old bags or record to another disk (record:=FOLDER)"
        )


def leading_sequence(message: bytes) -> int:
    """The uint64 that follows the header in a serialised message, without deserialising the rest.

    Args:
        message: CDR with its 4-byte encapsulation; the type starts with std_msgs/Header and a uint64.
    """
    order = "<" if message[1] else ">"
    (length,) = struct.unpack_from(order + "I", message, 12)
    end = 12 + length  # counted from behind the encapsulation, as CDR aligns
    (sequence,) = struct.unpack_from(order + "Q", message, 4 + (end + 7) // 8 * 8)
    return int(sequence)


@dataclass
class TopicCount:
    """Messages of one topic in one recording: arrived, in the bag, dropped by the recorder, and never arrived."""

    received: int = 0
    written: int = 0
    dropped: int = 0
    missing: int = 0

    @property
    def lost(self) -> int:
        """Messages that the bag should hold and does not."""
        return self.dropped + self.missing


@dataclass
class LossCounter:
    """Counts messages per topic, and gaps in sequences."""

    counts: dict[str, TopicCount] = field(default_factory=dict)
    _last: dict[str, int] = field(default_factory=dict)

    def reset(self, topics: Iterable[str]) -> None:
        """Begin a recording of these topics."""
        self.counts = {topic: TopicCount() for topic in topics}
        self._last.clear()

    def received(self, topic: str, sequence: int | None = None) -> None:
        """A message has arrived; a jump in its sequence counts what is missing. A lower number is a restart."""
        count = self.counts[topic]
        count.received += 1
        if sequence is not None:
            count.missing += max(0, sequence - self._last.get(topic, sequence) - 1)
            self._last[topic] = sequence

    def written(self, topic: str) -> None:
        """A message is in the bag."""
        self.counts[topic].written += 1

    def dropped(self, topic: str) -> None:
        """A message has arrived but found no room."""
        self.counts[topic].dropped += 1

    def missing(self, topic: str, number: int) -> None:
        """Messages have not arrived."""
        self.counts[topic].missing += number

    def settle(self) -> None:
        """The bag is closed: what has arrived and is not in it is lost."""
        for count in self.counts.values():
            count.dropped = count.received - count.written

    @property
    def total_written(self) -> int:
        """Messages in the bag."""
        return sum(count.written for count in self.counts.values())

    def losses(self) -> dict[str, int]:
        """Number of lost messages of the topics that lost any."""
        return {topic: count.lost for topic, count in self.counts.items() if count.lost}

    @property
    def total_lost(self) -> int:
        """Messages that are missing in the bag."""
        return sum(self.losses().values())


@dataclass(frozen=True)
class EpisodeRecord:
    """What a bag says about its episode, in the custom data of its metadata.

    `rig` is the text of the rig file and `urdfs` that of its URDFs by file name: the bag can be read without them.
    """

    episode_id: str
    prompt: str = ""
    seed: int = 0
    verdict: str = "NONE"
    reason: str = ""
    rig: str = ""
    urdfs: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    lost: Mapping[str, int] = field(default_factory=dict)

    def to_custom_data(self) -> dict[str, str]:
        """The record as rosbag2 stores it: text by key."""
        values = asdict(self)
        return {key: value if isinstance(value, str) else json.dumps(value) for key, value in values.items()}

    @classmethod
    def from_custom_data(cls, data: Mapping[str, str]) -> "EpisodeRecord":
        """The record of a bag.

        Raises:
            RecordingError: The bag was not made by the recorder.
        """
        if "episode_id" not in data:
            raise RecordingError("the bag's metadata has no episode_id: it was not recorded by recorder_node")
        structured = {"seed": "0", "urdfs": "{}", "versions": "{}", "lost": "{}"}
        values: dict[str, Any] = {
            key: data.get(key, "") for key in ("episode_id", "prompt", "verdict", "reason", "rig")
        }
        values |= {key: json.loads(data.get(key, default)) for key, default in structured.items()}
        return cls(**values)


def read_rig_files(path: Path, rig: Rig) -> tuple[str, dict[str, str]]:
    """Text of a rig file, and of its URDFs by file name."""
    return path.read_text(), {arm.urdf.name: arm.urdf.read_text() for arm in rig.arms}
