"""The streams of a rig as a node receives them, in an assembler."""

from collections.abc import Callable
from functools import partial

from rclpy.clock import JumpThreshold
from rclpy.duration import Duration
from rclpy.node import Node
from sensor_msgs.msg import CompressedImage, Image, JointState

from aloe_data.codecs import CodecError, is_foreign
from aloe_data.observation import ObservationAssembler, StaleInput
from aloe_data.rig import Arm, Camera, Rig
from aloe_data.ros.convert import image_from_message, joint_positions, stamp_to_ns
from aloe_data.ros.qos import SENSOR


class LiveStreams:
    """Subscribes to all cameras and joint states of a rig; forgets everything when the clock jumps back.

    Args:
        node: that subscribes.
        rig: whose streams.
        on_new: called after every good message.
        on_jump: called after a jump of the clock.
        image_size: (height, width) to resize images to [px]; None: as they are.

    Attributes:
        assembler: holds the recent past.
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
        self._on_new, self._jumped = on_new, on_jump
        self._refusals: dict[str, str] = {}  # of streams whose last message was a bad one
        self._known: set[str] = set()  # streams that had a good message
        for camera in rig.cameras:
            kind = CompressedImage if camera.message_type.endswith("CompressedImage") else Image
            node.create_subscription(kind, camera.topic, partial(self._on_image, camera), SENSOR)
        for arm in rig.arms:
            node.create_subscription(JointState, arm.joint_state_topic, partial(self._on_joint_state, arm), SENSOR)
        backwards = JumpThreshold(min_forward=None, min_backward=Duration(seconds=-0.1), on_clock_change=True)
        self._jump = node.get_clock().create_jump_callback(backwards, post_callback=self._on_jump)

    def problems(self, stale: tuple[StaleInput, ...]) -> str:
        """Why streams are stale: a message that was refused tells more than the age that results."""
        return "; ".join(self._refusals.get(item.stream) or str(item) for item in stale)

    def _on_image(self, camera: Camera, message: CompressedImage | Image) -> None:
        stamp_ns = stamp_to_ns(message.header.stamp)
        push = self.assembler.push_image
        self._take(camera.name, lambda: push(camera.name, stamp_ns, image_from_message(message, camera)))

    def _on_joint_state(self, arm: Arm, message: JointState) -> None:
        if arm.name in self._known and is_foreign(message.name, arm):
            return  # another device's; before the arm was heard it tells what the topic holds instead
        self._take(arm.name, lambda: self.assembler.push_joint_state(arm.name, *joint_positions(message)))

    def _take(self, stream: str, push: Callable[[], bool]) -> None:
        try:
            push()
        except CodecError as error:
            self._refusals[stream] = str(error)
            return
        self._refusals.pop(stream, None)
        self._known.add(stream)
        self._on_new()

    def _on_jump(self, _: object) -> None:
        self.assembler.clear()
        self._jumped()
