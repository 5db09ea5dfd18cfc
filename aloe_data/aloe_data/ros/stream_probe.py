"""Listens to the graph for some seconds: who publishes and subscribes to what, and every message of a rig's streams."""

import time
import zlib
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from rclpy.experimental.events_executor import EventsExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, ReliabilityPolicy
from rclpy.serialization import deserialize_message
from rosidl_runtime_py.utilities import get_message
from sensor_msgs.msg import JointState

from aloe_data.camera_transport import neighbour_topic
from aloe_data.codecs import CodecError, check_compressed, is_foreign, select_joints
from aloe_data.recording import RecordedTopic
from aloe_data.rig import Rig
from aloe_data.rig_streams import Endpoint, Measured, Stream
from aloe_data.ros.convert import image_from_message, joint_positions
from aloe_data.ros.qos import SENSOR
from aloe_data.serialized import header_stamp_ns

_DISCOVERY_S = 3.0
_SPIN_S = 0.1
_STAMP_END = 12  # bytes of encapsulation and stamp, before what a message says


class Probe:
    """Only listens.

    Args:
        node: Node that does nothing else.
        rig: Rig whose streams are listened to.
        streams: Streams of the rig, and others that have to be there.
        topics: Topics whose endpoints are looked up beside those of the streams.

    Attributes:
        measured: Measurements by topic, and by `Stream.key`.
        joints: Joint positions of each arm in the rig's order, message by message, by the arm's name.
    """

    def __init__(self, node: Node, rig: Rig, streams: Iterable[Stream], topics: Iterable[RecordedTopic]) -> None:
        self._rig = rig
        self._streams = tuple(streams)
        names = [*(name for stream in self._streams for name in (stream.topic, stream.key))]
        names += [topic.source for topic in topics]
        names += [neighbour_topic(camera) for camera in rig.cameras]  # where images of the other transport would be
        self.measured = {name: Measured() for name in names}
        self.joints: dict[str, list[Any]] = {arm.name: [] for arm in rig.arms}
        arms = [(arm, stream) for arm in rig.arms for stream in self._streams if stream.name == arm.name]
        self._arms = {stream.key: arm for arm, stream in arms if stream.topic == arm.joint_state_topic}
        self._checks = self._content_checks()
        self._foreign: dict[str, str] = {}  # arms that were not found so far, by key: what their topic holds instead
        self._node = node
        self._executor = EventsExecutor(context=node.context)
        self._executor.add_node(node)
        for stream in self._streams:
            take = partial(self._take, stream)
            kind = get_message(stream.type)
            node.create_subscription(kind, stream.topic, take, SENSOR, raw=True)

    def run(self, seconds: float) -> None:
        """Listen; not at all where nobody publishes any of the streams."""
        self._spin(_DISCOVERY_S, lambda: all(self._node.count_publishers(s.topic) for s in self._streams))
        if self._node.count_publishers("/clock"):
            self._node.set_parameters([Parameter("use_sim_time", value=True)])
            self._spin(_DISCOVERY_S, self._now_ns)
        if any(self._node.count_publishers(stream.topic) for stream in self._streams):
            self._begin()
            self._spin(seconds)
        for stream in self._streams:
            heard = self.measured[stream.key]
            heard.fault = heard.fault or self._foreign.get(stream.key, "")
        for name, measured in self.measured.items():
            topic = name.partition(" ")[0]  # of a key
            measured.ended_ns = self._now_ns()
            measured.publishers = self._endpoints(self._node.get_publishers_info_by_topic(topic))
            measured.subscriptions = self._endpoints(self._node.get_subscriptions_info_by_topic(topic))

    def close(self) -> None:
        """Leave the graph."""
        self._executor.shutdown(timeout_sec=1.0)
        self._node.destroy_node()

    def _spin(self, seconds: float, enough: Callable[[], object] = lambda: False) -> None:
        end_s = time.monotonic() + seconds
        while time.monotonic() < end_s and not enough():
            self._executor.spin_once(timeout_sec=_SPIN_S)

    def _now_ns(self) -> int:
        return self._node.get_clock().now().nanoseconds

    def _begin(self) -> None:
        """What came while the streams were found one after the other says nothing of their rates."""
        for measured in self.measured.values():
            measured.began_ns = self._now_ns()
            for values in (measured.arrivals_ns, measured.stamps_ns, measured.contents, measured.sizes):
                values.clear()

    def _take(self, stream: Stream, data: bytes) -> None:
        if self._is_others(stream, data):
            return
        measured = self.measured[stream.key]
        measured.arrivals_ns.append(self._now_ns())
        measured.stamps_ns.append(header_stamp_ns(data))
        measured.contents.append(zlib.crc32(memoryview(data)[_STAMP_END:]))
        measured.sizes.append(len(data))
        check = self._checks.get(stream.key)
        heavy = stream.type.endswith("/Image") and len(measured.sizes) > 1  # one raw image tells of the others
        if check and not measured.fault and not heavy:
            try:
                check(deserialize_message(data, get_message(stream.type)))
            except CodecError as error:
                measured.fault = str(error)

    def _is_others(self, stream: Stream, data: bytes) -> bool:
        """Whether it is another device's joint state, on a topic that it shares with an arm."""
        arm = self._arms.get(stream.key)
        if arm is None:
            return False
        message = deserialize_message(data, JointState)
        if not is_foreign(message.name, arm):
            self._foreign.pop(stream.key, None)
            return False
        if not self.measured[stream.key].arrivals_ns:
            try:
                select_joints(message.name, message.position, arm)
            except CodecError as error:
                self._foreign[stream.key] = str(error)
        return True

    def _content_checks(self) -> dict[str, Callable[[Any], None]]:
        """By `Stream.key`."""
        cameras = {camera.topic: partial(self._check_image, camera) for camera in self._rig.cameras}
        return cameras | {key: partial(self._check_joints, arm) for key, arm in self._arms.items()}

    def _check_image(self, camera: Any, message: Any) -> None:
        image = image_from_message(message, camera)
        if isinstance(image, bytes):
            check_compressed(image, camera)

    def _check_joints(self, arm: Any, message: Any) -> None:
        _, names, positions = joint_positions(message)
        self.joints[arm.name].append(select_joints(names, positions, arm))

    def _endpoints(self, infos: Iterable[Any]) -> tuple[Endpoint, ...]:
        others = [info for info in infos if info.node_name != self._node.get_name()]
        return tuple(
            Endpoint(
                node=info.node_name,
                type=info.topic_type,
                reliable=info.qos_profile.reliability == ReliabilityPolicy.RELIABLE,
                latched=info.qos_profile.durability == DurabilityPolicy.TRANSIENT_LOCAL,
            )
            for info in others
        )
