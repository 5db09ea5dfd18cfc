"""Writing a bag from a thread of its own, so that whoever has messages never waits for the disk."""

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from rclpy.qos import QoSProfile

from aloe_data.bag_file import BagWriter
from aloe_data.bag_metadata import FILE_NAME, BagTopic, with_custom_data
from aloe_data.durable import held, replacing
from aloe_data.recording import EpisodeRecord, RecordedTopic, RecordingError, check_room
from aloe_data.ros.message_types import message_definition, type_hash

_DRAIN_PERIOD_S = 0.1  # messages are written in batches: a wake-up per message would cost more than the writing
_ROOM_PERIOD_S = 1.0
# With the period above: what a killed process loses of a slow stream. A power failure costs no more.
_SYNC_PERIOD_S = 0.4
_INFINITE = {"sec": 9223372036, "nsec": 854775807}


def open_bag(
    folder: Path,
    record: EpisodeRecord,
    topics: Mapping[RecordedTopic, QoSProfile | None],
    compression: str = "none",
    split_bytes: int = 0,
) -> BagWriter:
    """Start a bag with all its topics declared and the episode's record in its file.

    Args:
        folder: The bag's folder, which must not exist.
        record: Record of what is known about the episode so far.
        topics: Topics with the QoS that their publishers offer, where known.
        compression: Compression of the chunks, one of `bag_file.COMPRESSIONS`.
        split_bytes: Size at which the bag goes on in a new file; 0: never.

    Raises:
        RecordingError: The bag cannot be made.
    """
    declared = [bag_topic(topic, qos) for topic, qos in topics.items()]
    distro = os.environ.get("ROS_DISTRO") or "jazzy"
    return BagWriter(folder, declared, record.to_custom_data(), compression, split_bytes, distro)


def complete_record(folder: Path, record: EpisodeRecord) -> None:
    """Put what is known of an episode into the metadata of its closed bag, whoever wrote it.

    Raises:
        RecordingError: The folder has no metadata.yaml that can be read.
        OSError: The disk failed.
    """
    path = folder / FILE_NAME
    try:
        text = with_custom_data(path.read_text(encoding="utf-8"), record.to_custom_data())
    except (OSError, ValueError) as error:
        raise RecordingError(f"{path}: {error}; `ros2 bag reindex {folder}` makes it anew") from error
    with replacing(path) as stream:
        stream.write(text.encode())


def bag_topic(topic: RecordedTopic, qos: QoSProfile | None) -> BagTopic:
    """A topic as a bag declares it, with the definition of its type as it is installed.

    Args:
        topic: Topic of a recording.
        qos: Profile that its publisher offers; None: unknown.
    """
    encoding, definition = message_definition(topic.type)
    return BagTopic(topic.name, topic.type, definition, encoding, type_hash(topic.type), _policies(topic, qos))


def _policies(topic: RecordedTopic, qos: QoSProfile | None) -> dict[str, Any]:
    latched = topic.latched if qos is None else qos.durability.name == "TRANSIENT_LOCAL"
    best_effort = qos is not None and qos.reliability.name == "BEST_EFFORT"
    return {
        "history": "keep_last",
        "depth": qos.depth if qos is not None and qos.depth else 10,
        "reliability": "best_effort" if best_effort else "reliable",
        "durability": "transient_local" if latched else "volatile",
        "deadline": _INFINITE,
        "lifespan": _INFINITE,
        "liveliness": "automatic",
        "liveliness_lease_duration": _INFINITE,
        "avoid_ros_namespace_conventions": False,
    }


class BagThread:
    """A bag and the thread that writes it, with a bounded queue between.

    A failed write or a disk without room ends the writing; `failure` then says what happened, and the bag can still be
    closed in order. `progress_s` is when the thread last finished something, on the steady clock.
    """

    def __init__(
        self,
        writer: BagWriter,
        folder: Path,
        on_written: Callable[[str], None],
        min_free_gib: float,
        queue_bytes: int = 256 << 20,
    ) -> None:
        self.failure = ""
        self.progress_s = time.monotonic()
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

    def drain(self) -> None:
        """Write what is queued and take nothing more; a failure to do so is in `failure`."""
        self._closing.set()
        self._thread.join()

    def close(self, record: EpisodeRecord) -> None:
        """Close the drained bag with what is known at its end; a failure to do so is in `failure`."""
        try:
            self._writer.close(record.to_custom_data())
        except RecordingError as error:
            self._fail(error)
        self._hold.close()

    def _run(self) -> None:
        try:
            self._write_until_closed()
        except (RecordingError, OSError) as error:
            self._fail(error)

    def _write_until_closed(self) -> None:
        next_check_s = 0.0
        next_sync_s = 0.0
        closing = False
        while not closing:
            closing = self._closing.wait(_DRAIN_PERIOD_S)
            self.progress_s = time.monotonic()
            if time.monotonic() >= next_check_s:
                check_room(self._folder, self._min_free_gib)
                next_check_s = time.monotonic() + _ROOM_PERIOD_S
            self._drain()
            if time.monotonic() >= next_sync_s:
                self._writer.sync()
                next_sync_s = time.monotonic() + _SYNC_PERIOD_S

    def _drain(self) -> None:
        while self._queue:
            topic, message, stamp_ns = self._queue.popleft()
            self._writer.write(topic, message, stamp_ns)
            self.progress_s = time.monotonic()
            self._on_written(topic)
            with self._lock:
                self._room += len(message)

    def _fail(self, error: Exception) -> None:
        with self._lock:
            if not self.failure:
                self.failure = f"the recording ended early: {error}"
