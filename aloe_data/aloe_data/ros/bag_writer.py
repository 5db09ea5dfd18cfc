"""Writing a bag from a thread of its own, so that whoever has messages never waits for the disk."""

import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

import rosbag2_py
import yaml
from rclpy.qos import QoSProfile

from aloe_data.durable import held, sync
from aloe_data.recording import EpisodeRecord, RecordedTopic, RecordingError, check_room

_DRAIN_PERIOD_S = 0.1  # messages are written in batches: a wake-up per message would cost more than the writing
_ROOM_PERIOD_S = 1.0
# A killed process loses what is in a queue and in an unfinished chunk; a power failure also what is not synced.
_SYNC_PERIOD_S = 0.4
_CHUNK_BYTES = 256 << 10
COMPRESSIONS = {"none": "None", "lz4": "Lz4", "zstd": "Zstd"}  # by the names of rosbag2's MCAP storage
_INFINITE = {"sec": 9223372036, "nsec": 854775807}


def open_bag(
    folder: Path,
    record: EpisodeRecord,
    topics: Mapping[RecordedTopic, QoSProfile | None],
    compression: str = "none",
    split_bytes: int = 0,
) -> rosbag2_py.SequentialWriter:
    """Start a bag with all its topics declared and the episode's record in its metadata.

    Args:
        folder: the bag's folder, which must not exist.
        record: what is known about the episode so far.
        topics: topics with the QoS that their publishers offer, where known.
        compression: of the chunks, one of COMPRESSIONS.
        split_bytes: size at which the bag goes on in a new file; 0: never.

    Raises:
        RecordingError: The bag cannot be made.
    """
    writer = rosbag2_py.SequentialWriter()
    options = rosbag2_py.StorageOptions(uri=str(folder), storage_id="mcap", max_bagfile_size=split_bytes)
    options.custom_data = record.to_custom_data()
    try:
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as config:  # rosbag2 takes a file only
            yaml.safe_dump({"compression": COMPRESSIONS[compression], "chunkSize": _CHUNK_BYTES}, config)
            config.flush()
            options.storage_config_uri = config.name
            writer.open(options, rosbag2_py.ConverterOptions("cdr", "cdr"))
        for number, (topic, qos) in enumerate(topics.items(), start=1):
            profiles = rosbag2_py.to_rclcpp_qos_vector(_qos_yaml(topic, qos), 9)
            writer.create_topic(rosbag2_py.TopicMetadata(number, topic.name, topic.type, "cdr", profiles))
    except RuntimeError as error:
        raise RecordingError(f"cannot record into {folder}: {error}; make room or choose another folder") from error
    return writer


def complete_record(folder: Path, record: EpisodeRecord) -> None:
    """Put what is known at the end (verdict, losses) into the metadata of a closed bag, and all of it on the disk."""
    io = rosbag2_py.MetadataIo()
    metadata = io.read_metadata(str(folder))
    metadata.custom_data = record.to_custom_data()
    io.write_metadata(str(folder), metadata)
    sync(folder)


def _qos_yaml(topic: RecordedTopic, qos: QoSProfile | None) -> str:
    latched = topic.latched if qos is None else qos.durability.name == "TRANSIENT_LOCAL"
    best_effort = qos is not None and qos.reliability.name == "BEST_EFFORT"
    profile = {
        "history": "keep_last",
        "depth": qos.depth if qos is not None and qos.depth else 10,
        "reliability": "best_effort" if best_effort else "reliable",
        "durability": "transient_local" if latched else "volatile",
        "deadline": dict(_INFINITE),
        "lifespan": dict(_INFINITE),
        "liveliness": "automatic",
        "liveliness_lease_duration": dict(_INFINITE),
        "avoid_ros_namespace_conventions": False,
    }
    return str(yaml.safe_dump([profile]))


class BagThread:
    """A bag and the thread that writes it, with a bounded queue between.

    A failed write or a disk without room ends the writing; `failure` then says what happened, and the bag can still be
    closed in order.
    """

    def __init__(
        self,
        writer: rosbag2_py.SequentialWriter,
        folder: Path,
        on_written: Callable[[str], None],
        min_free_gib: float,
        queue_bytes: int = 256 << 20,
    ) -> None:
        self.failure = ""
        self._writer = writer
        self._folder = folder
        self._on_written = on_written
        self._min_free_gib = min_free_gib
        self._room = queue_bytes
        self._lock = threading.Lock()
        self._queue: deque[tuple[str, bytes, int]] = deque()
        self._closing = threading.Event()
        self._hold = ExitStack()
        self._hold.enter_context(held(folder))
        self._thread = threading.Thread(target=self._run, name="bag", daemon=True)
        self._thread.start()

    def push(self, topic: str, message: bytes, stamp_ns: int) -> bool:
        """Queue a message; False when the queue is full or writing has ended, and the message is lost."""
        with self._lock:
            if self.failure or len(message) > self._room:
                return False
            self._room -= len(message)
        self._queue.append((topic, message, stamp_ns))
        return True

    def close(self) -> None:
        """Write what is queued and close the bag; a failure to do so is in `failure`."""
        self._closing.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            self._write_until_closed()
        except (RuntimeError, OSError) as error:  # the writer's, and RecordingError
            self._fail(error)
        try:
            self._writer.close()
        except (RuntimeError, OSError) as error:
            self._fail(error)
        self._hold.close()

    def _write_until_closed(self) -> None:
        next_check_s = next_sync_s = 0.0
        closing = False
        while not closing:
            closing = self._closing.wait(_DRAIN_PERIOD_S)
            if time.monotonic() >= next_check_s:
                check_room(self._folder, self._min_free_gib)
                next_check_s = time.monotonic() + _ROOM_PERIOD_S
            self._drain()
            if time.monotonic() >= next_sync_s:
                sync(self._folder)
                next_sync_s = time.monotonic() + _SYNC_PERIOD_S

    def _drain(self) -> None:
        while self._queue:
            topic, message, stamp_ns = self._queue.popleft()
            self._writer.write(topic, message, stamp_ns)
            self._on_written(topic)
            with self._lock:
                self._room += len(message)

    def _fail(self, error: Exception) -> None:
        with self._lock:
            if not self.failure:
                known = isinstance(error, RecordingError)
                hint = "" if known else f"; check the disk of {self._folder} or record elsewhere (record:=FOLDER)"
                self.failure = f"the recording ended early: {error}{hint}"
