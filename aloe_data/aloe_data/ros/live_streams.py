"""The streams of a rig as a node receives them, in an assembler."""

from collections.abc import Callable, Iterable
from functools import partial

import message_filters
from rclpy.clock import JumpThreshold
from rclpy.duration import Duration
from rclpy.node import Node
from rosidl_runtime_py.utilities import get_message
from sensor_msgs.msg import CompressedImage, Image, JointState

from aloe_data.codecs import is_foreign
from aloe_data.observation import ObservationAssembler, StaleInput
from aloe_data.rig import Arm, Camera, Rig
from aloe_data.ros.camera_publishers import transport_problems
from aloe_data.ros.convert import image_from_message, joint_positions, stamp_to_ns
from aloe_data.ros.qos import SENSOR
from aloe_data.ros.stream_cache import StreamCache


class LiveStreams:
    """Subscribes to all cameras and joint states of a rig; forgets everything when the clock jumps back.

    Args:
        node: Node that subscribes.
        rig: Rig whose streams are heard.
        on_new: Called after every good message.
        on_jump: Called after a jump of the clock.
        image_size: (height, width) to resize images to [px]; None: as they are.

    Attributes:
        assembler: Holds the recent past.
    """

    def __init__(
        self,
        node: Node,
        rig: Rig,
        on_new: Callable[[], None],
        on_jump: Callable[[], None],
        image_size: tuple[int, int] | None = None,
    ) -> None:
        self.assembler = ObservationAssembler(rig, image_size=image_size)
        self._node = node
        self._rig = rig
        self._jumped = on_jump
        self._caches = {camera.name: self._camera_cache(camera) for camera in rig.cameras}
        self._caches |= {arm.name: self._arm_cache(arm) for arm in rig.arms}
        for cache in self._caches.values():
            cache.registerCallback(lambda _: on_new())
        backwards = JumpThreshold(min_forward=None, min_backward=Duration(seconds=-0.1), on_clock_change=True)
        self._jump = node.get_clock().create_jump_callback(backwards, post_callback=self._on_jump)

    def problems(self, stale: Iterable[StaleInput]) -> str:
        """Why streams are stale: what was refused, or comes by another transport, tells more than an age."""
        return "; ".join(self._problem(item) for item in stale)

    def _problem(self, stale: StaleInput) -> str:
        cameras = [camera for camera in self._rig.cameras if camera.name == stale.stream]
        transport = "; ".join(transport_problems(self._node, cameras))
        return transport or self._caches[stale.stream].refusal or str(stale)

    def _camera_cache(self, camera: Camera) -> StreamCache:
        source = message_filters.Subscriber(
            self._node, get_message(camera.message_type), camera.topic, qos_profile=SENSOR
        )
        return StreamCache(source, partial(self._take_image, camera))

    def _arm_cache(self, arm: Arm) -> StreamCache:
        source = message_filters.Subscriber(self._node, JointState, arm.joint_state_topic, qos_profile=SENSOR)
        return StreamCache(source, partial(self._take_joints, arm), lambda message: is_foreign(message.name, arm))

    def _take_image(self, camera: Camera, message: CompressedImage | Image) -> None:
        self.assembler.push_image(camera.name, stamp_to_ns(message.header.stamp), image_from_message(message, camera))

    def _take_joints(self, arm: Arm, message: JointState) -> None:
        self.assembler.push_joint_state(arm.name, *joint_positions(message))

    def _on_jump(self, _: object) -> None:
        self.assembler.clear()
        self._jumped()
