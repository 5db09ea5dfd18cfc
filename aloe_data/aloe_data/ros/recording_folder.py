"""The folder of a recorder's bags, and the making of new ones in it."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from aloe_msgs.srv import StartEpisode
from rclpy.node import Node
from rclpy.qos import QoSProfile

import aloe_data
from aloe_data.recorder_config import RecorderConfig
from aloe_data.recording import (
    EpisodeRecord,
    RecordedTopic,
    check_folder,
    new_folder,
    next_episode_id,
    read_rig_files,
)
from aloe_data.rig import Rig
from aloe_data.ros.bag_writer import BagThread, open_bag
from aloe_data.stream_counts import StreamCounts


@dataclass
class Recording:
    """A bag that is being written.

    Attributes:
        record: What the bag says about its episode.
        folder: Folder of the bag.
        thread: Thread that writes it.
        reported: Whether a problem was told to the episode.
    """

    record: EpisodeRecord
    folder: Path
    thread: BagThread
    reported: bool = False


class RecordingFolder:
    """Makes the bags of a recorder.

    Args:
        node: Node that records.
        config: Parameters of the recorder.
        rig: Rig that is recorded.
        topics: Topics of every recording.

    Attributes:
        path: Path of the folder.

    Raises:
        RecordingError: The folder cannot be written, or its disk has no room.
    """

    def __init__(self, node: Node, config: RecorderConfig, rig: Rig, topics: Iterable[RecordedTopic]) -> None:
        self._node = node
        self._config = config
        self._rig_text, self._urdfs = read_rig_files(config.rig, rig)
        self._topics = tuple(topics)
        self.path = config.record.expanduser().resolve()
        check_folder(self.path, config.min_free_gib)

    def open(self, request: StartEpisode.Request, counter: StreamCounts) -> Recording:
        """Make a bag and begin to write it.

        Args:
            request: Request for an episode.
            counter: Counter of the messages of the recording, which begins anew.

        Raises:
            RecordingError: There is no room, or the request's id is no name of a new folder.
        """
        config = self._config
        check_folder(self.path, config.min_free_gib)
        record = self._new_record(request)
        folder = new_folder(self.path, record.episode_id)
        offered = {topic: self._offered_qos(topic.source) for topic in self._topics}
        writer = open_bag(folder, record, offered, config.compression, config.split_mib << 20)
        counter.reset({topic.name: topic.rate_hz for topic in self._topics})
        thread = BagThread(writer, folder, counter.written, config.min_free_gib, config.queue_mib << 20)
        return Recording(record, folder, thread)

    def _new_record(self, request: StartEpisode.Request) -> EpisodeRecord:
        return EpisodeRecord(
            episode_id=request.episode_id or next_episode_id(path.name for path in self.path.iterdir()),
            prompt=request.prompt,
            seed=request.seed,
            rig=self._rig_text,
            urdfs=self._urdfs,
            versions={"aloe_data": aloe_data.__version__, "ros_distro": os.environ.get("ROS_DISTRO", "")},
        )

    def _offered_qos(self, topic: str) -> QoSProfile | None:
        publishers = self._node.get_publishers_info_by_topic(topic)
        return publishers[0].qos_profile if publishers else None
