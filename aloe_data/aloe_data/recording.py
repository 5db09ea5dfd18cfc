"""What a recording consists of: topics that follow from the rig, episode folders, room on the disk, losses."""

import json
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from aloe_data.rig import Arm, Rig
from aloe_data.section import nearest
from aloe_data.vocabulary import Verdict
from aloe_data.yaml_file import parse_yaml

_EPISODE = re.compile(r"ep_(\d{4,})")
GIB = 1 << 30
NO_RECORD = "the bag's metadata has no episode_id: it was not recorded by recorder_node"
_ANEW = "correct it there, or remove metadata.yaml and run `ros2 run aloe_data repair`"
_STRUCTURED = {"seed": int, "urdfs": dict, "versions": dict, "lost": dict, "streams": dict, "strangers": dict}
_VALUES = {"urdfs": str, "versions": str, "lost": int, "streams": dict, "strangers": list}  # of those that are dicts


class RecordingError(RuntimeError):
    """A recording that cannot be made or read; the message names the folder and the remedy."""


@dataclass(frozen=True)
class RecordedTopic:
    """One topic of a recording.

    `name` is its name in the bag, and `live` the topic that is listened to; "": the same. `latched`: its last message
    belongs into every bag. `sequenced`: a counter that rises by one follows its header, so that messages which never
    arrived can be counted. `rate_hz`: messages with headers come at this rate all the time, episode or not; 0: they
    come when they come. `shared`: several nodes may publish it; of others a second publisher is a stranger.
    """

    name: str
    type: str
    latched: bool = False
    sequenced: bool = False
    rate_hz: float = 0.0
    shared: bool = False
    live: str = ""

    @property
    def source(self) -> str:
        """The topic that is listened to."""
        return self.live or self.name

    @property
    def continuous(self) -> bool:
        """It is published all the time."""
        return self.rate_hz > 0


EVENTS = "/episode/events"
EXECUTED = "/executed_action"
REFUSED_CHUNKS = "/policy/chunk_refused"
# Seals cover the name of the topic, so sender and receiver must spell it alike.
CHUNKS = "/policy/action_chunk"
REQUESTS = "/intervention/request"
HEARTBEATS = "/heartbeat"
_SUITE_TOPICS = (
    RecordedTopic(CHUNKS, "aloe_msgs/msg/ActionChunk", sequenced=True),
    RecordedTopic(REFUSED_CHUNKS, "aloe_msgs/msg/ChunkRefused"),
    RecordedTopic("/critic/q", "aloe_msgs/msg/QEstimate"),
    RecordedTopic("/intervention", "aloe_msgs/msg/Intervention", latched=True),
    RecordedTopic(REQUESTS, "aloe_msgs/msg/InterventionRequest", shared=True),
    RecordedTopic("/episode/state", "aloe_msgs/msg/EpisodeState", latched=True),
    RecordedTopic(EVENTS, "aloe_msgs/msg/EpisodeEvent"),
    RecordedTopic("/episode/verdict", "aloe_msgs/msg/EpisodeEvent", shared=True),
    RecordedTopic("/policy/checkpoint", "aloe_msgs/msg/PolicyCheckpoint", latched=True),
    RecordedTopic(HEARTBEATS, "aloe_msgs/msg/Heartbeat", shared=True),
    RecordedTopic("/diagnostics", "diagnostic_msgs/msg/DiagnosticArray", shared=True),
)
_EXECUTED = RecordedTopic(EXECUTED, "aloe_msgs/msg/ExecutedAction", sequenced=True)
SEQUENCED = tuple(topic.name for topic in (*_SUITE_TOPICS, _EXECUTED) if topic.sequenced)
_TASK = RecordedTopic("/sim/task_state", "aloe_msgs/msg/TaskState")
_CLOCK = RecordedTopic("/clock", "rosgraph_msgs/msg/Clock")


def recorded_topics(rig: Rig, use_sim_time: bool) -> tuple[RecordedTopic, ...]:
    """All topics of a recording: the rig's streams, commands and their human sources, then the suite's own."""
    cameras = [RecordedTopic(camera.topic, camera.message_type, rate_hz=camera.rate_hz) for camera in rig.cameras]
    states = [_joint_states(topic, arms) for topic, arms in rig.arms_by_topic.items()]
    commands = [
        RecordedTopic(recorded_command_topic(arm), "aloe_msgs/msg/ArmCommand", live=arm.command_topic)
        for arm in rig.arms
    ]
    teleop = "aloe_msgs/msg/TeleopCommand"
    human = [RecordedTopic(human_command_topic(arm.name), teleop, shared=True) for arm in rig.arms]
    simulated = [*([_TASK] if rig.simulated else []), *([_CLOCK] if use_sim_time else [])]
    return (*cameras, *states, *commands, replace(_EXECUTED, rate_hz=rig.rate_hz), *human, *_SUITE_TOPICS, *simulated)


def human_command_topic(arm: str) -> str:
    """The topic of people's commands for an arm, by its name."""
    return f"/teleop/{arm}/command"


def recorded_command_topic(arm: Arm) -> str:
    """The topic of an arm's commands in a bag: who plays the bag commands no arm."""
    return f"/replay{arm.command_topic}"


def recorded_commands(rig: Rig) -> dict[str, Arm]:
    """The arms by the topic of their commands in a bag; also by that of bags from before commands were sealed."""
    former = {arm.command_topic: arm for arm in rig.arms}
    return former | {recorded_command_topic(arm): arm for arm in rig.arms}


def _joint_states(topic: str, arms: Sequence[Arm]) -> RecordedTopic:
    """A topic of joint states; arms that share one may have a publisher each."""
    rate_hz = max(arm.rate_hz for arm in arms)
    return RecordedTopic(topic, "sensor_msgs/msg/JointState", rate_hz=rate_hz, shared=len(arms) > 1)


def next_episode_id(names: Iterable[str]) -> str:
    """The id after the highest among the names of a folder's entries: "ep_0000", "ep_0001", ..."""
    numbers = [int(match[1]) for match in map(_EPISODE.fullmatch, names) if match]
    return f"ep_{max(numbers, default=-1) + 1:04d}"


def new_folder(root: Path, episode_id: str) -> Path:
    """Path of the folder that the bag of an episode gets; it does not exist yet.

    Raises:
        RecordingError: The id is no name of a new folder.
    """
    folder = root / episode_id
    if folder.parent != root or folder.exists():
        raise RecordingError(f"episode_id '{episode_id}' is no new folder name in {root}; leave it empty")
    return folder


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


@dataclass(frozen=True)
class EpisodeRecord:
    """What a bag says about its episode, in the custom data of its metadata.

    `rig` is the text of the rig file and `urdfs` that of its URDFs (`urdf_text`) by the name that the rig file gives
    them, or in bags of version 0.1 by the file's name alone: the bag can be read without any of these files.
    `lost` counts messages by topic; `streams` has all figures of every topic (`stream_counts.TopicCount.figures`);
    `strangers` names, by topic, the nodes that published what another one owns (`owners.Owners`).
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
    streams: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    strangers: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def to_custom_data(self) -> dict[str, str]:
        """The record as rosbag2 stores it: text by key."""
        values = asdict(self)
        return {key: value if isinstance(value, str) else json.dumps(value) for key, value in values.items()}

    @classmethod
    def from_custom_data(cls, data: Mapping[str, str]) -> "EpisodeRecord":
        """The record of a bag.

        Raises:
            RecordingError: The bag was not made by the recorder, or a value is none of those that it writes.
        """
        if not data.get("episode_id"):
            raise RecordingError(NO_RECORD)
        texts = ("episode_id", "prompt", "verdict", "reason", "rig")
        values: dict[str, Any] = {key: data[key] for key in texts if key in data}
        values |= {key: _structured(data, key) for key in _STRUCTURED if key in data}
        record = cls(**values)
        if record.verdict not in Verdict.__members__:
            hint = nearest(record.verdict, Verdict.__members__)
            raise RecordingError(f"the metadata's custom_data: verdict '{record.verdict}' is unknown; {hint}")
        return record


def _structured(data: Mapping[str, str], key: str) -> Any:
    """A value that is stored as JSON."""
    try:
        value = json.loads(data[key])
    except json.JSONDecodeError as error:
        raise RecordingError(f"the metadata's custom_data: {key} is no JSON: {error}; {_ANEW}") from error
    kind = _STRUCTURED[key]
    if not isinstance(value, kind):
        raise RecordingError(f"the metadata's custom_data: {key} is {data[key]}, no {kind.__name__}; {_ANEW}")
    if isinstance(value, dict):
        for name, item in value.items():
            if not isinstance(item, _VALUES[key]):
                what = f"{key} has {item!r} for {name}, no {_VALUES[key].__name__}"
                raise RecordingError(f"the metadata's custom_data: {what}; {_ANEW}")
    return value


def read_rig_files(path: Path, rig: Rig) -> tuple[str, dict[str, str]]:
    """Text of a rig file, and of its URDFs by the name that the rig file gives each, such as "../urdf/arm.urdf"."""
    text = path.read_text(encoding="utf-8-sig")
    names = [arm["urdf"] for arm in parse_yaml(text)["arms"]]
    urdfs = {name: urdf_text(arm.urdf.read_bytes()) for name, arm in zip(names, rig.arms, strict=True)}
    return text, urdfs


def urdf_text(data: bytes) -> str:
    """The bytes of a URDF, in whichever encoding it declares, as a text that keeps each of them (PEP 383)."""
    return data.decode("utf-8", "surrogateescape")


def urdf_bytes(text: str) -> bytes:
    """The bytes that `urdf_text` was given."""
    return text.encode("utf-8", "surrogateescape")
