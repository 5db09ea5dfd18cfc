"""What control_node hears: sensors, policy, people, heartbeats; each goes to the control loop or is refused by name."""

import functools
import time
from collections.abc import Callable
from dataclasses import replace

from aloe_msgs.msg import ActionChunk, ChunkRefused, Heartbeat, InterventionRequest, TeleopCommand
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rosidl_runtime_py.utilities import get_message
from sensor_msgs.msg import JointState

from aloe_control.bonds import Bonds
from aloe_control.control_loop import ControlLoop
from aloe_control.ros.messages import (
    chunk_refused_message,
    human_command_from_message,
    image_checksum,
    request_from_message,
)
from aloe_data.codecs import CodecError, is_foreign, select_joints
from aloe_data.recording import CHUNKS, HEARTBEATS, REFUSED_CHUNKS, REQUESTS, human_command_topic
from aloe_data.rig import Arm, Camera, Rig
from aloe_data.ros.convert import chunk_from_message, stamp_to_ns
from aloe_data.ros.qos import SENSOR
from aloe_data.ros.raw_image import check_raw
from aloe_data.ros.sealed_inputs import SealedInputs
from aloe_data.serialized import header_stamp_ns, raw_layout
from aloe_data.vocabulary import RequestKind

REQUEST_DEPTH = 50
STRANGERS_WORDS = 100  # characters of what somebody unknown says
_STOPS = (RequestKind.HOLD, RequestKind.ESTOP)  # obeyed whoever asks: a stop too many moves nothing


class ControlInputs:
    """The subscriptions of control_node, and what it answers to chunks that it refuses.

    Args:
        node: Node that subscribes; refusals stand in its log.
        rig: Rig whose cameras and arms are heard.
        loop: Control loop that takes what is good.
        sealed: Checker of the seals of this session.
        bonds: Record of the nodes without which motion must not go on.
        tell: Called with the time [ns] after every request of a person: says who holds which arm.
    """

    def __init__(
        self,
        node: Node,
        rig: Rig,
        loop: ControlLoop,
        sealed: SealedInputs,
        bonds: Bonds,
        tell: Callable[[int], None],
    ) -> None:
        self._rig = rig
        self._loop = loop
        self._sealed = sealed
        self._bonds = bonds
        self._tell = tell
        self._clock = node.get_clock()
        self._log = node.get_logger()
        self._logged: dict[str, str] = {}
        self._found_arms: set[str] = set()  # whose joints were in a message
        self._refused = node.create_publisher(ChunkRefused, REFUSED_CHUNKS, QoSProfile(depth=10))
        self._subscribe(node)

    def is_new(self, key: str, text: str) -> bool:
        """Whether a text is worth logging: not again and again while callers retry or a problem goes on."""
        was = self._logged.get(key)
        self._logged[key] = text
        return was != text

    def _subscribe(self, node: Node) -> None:
        for arm in self._rig.arms:
            handle = functools.partial(self._on_joint_state, arm)
            node.create_subscription(JointState, arm.joint_state_topic, handle, SENSOR)
            topic = human_command_topic(arm.name)
            node.create_subscription(TeleopCommand, topic, functools.partial(self._on_human, topic), SENSOR)
        for camera in self._rig.cameras:
            handle = functools.partial(self._on_image, camera)
            node.create_subscription(get_message(camera.message_type), camera.topic, handle, SENSOR, raw=True)
        node.create_subscription(ActionChunk, CHUNKS, self._on_chunk, QoSProfile(depth=5))
        node.create_subscription(InterventionRequest, REQUESTS, self._on_request, QoSProfile(depth=REQUEST_DEPTH))
        node.create_subscription(Heartbeat, HEARTBEATS, self._on_heartbeat, QoSProfile(depth=20))

    def _on_joint_state(self, arm: Arm, message: JointState) -> None:
        foreign = is_foreign(message.name, arm)
        if foreign and arm.name in self._found_arms:
            return  # another device's on the same topic; before the arm was heard it tells what is wrong
        try:
            positions = select_joints(message.name, message.position, arm)
        except CodecError as error:
            self._loop.spoil_joint_state(arm.name, str(error))
            if not foreign and self.is_new(arm.name, str(error)):
                self._log.warning(str(error))
            return
        self._found_arms.add(arm.name)
        now_ns = self._clock.now().nanoseconds
        problem = self._loop.set_joint_state(arm.name, stamp_to_ns(message.header.stamp), positions, now_ns)
        if problem and self.is_new(arm.name, problem):
            self._log.warning(problem)

    def _on_image(self, camera: Camera, serialised: bytes) -> None:
        now_ns = self._clock.now().nanoseconds
        problem = _raw_problem(camera, serialised) if camera.is_raw else ""
        if problem:
            self._loop.spoil_camera(camera.name, problem)
            if self.is_new(camera.name, problem):
                self._log.warning(problem)
            return
        self._loop.set_camera_stamp(camera.name, header_stamp_ns(serialised), image_checksum(serialised), now_ns)

    def _on_human(self, topic: str, message: TeleopCommand) -> None:
        if self._sealed.refusal(topic, message):
            return
        refusal = self._loop.set_human(human_command_from_message(message), self._clock.now().nanoseconds)
        if refusal and (message.deadman or not self._loop.armed) and self.is_new(f"human {message.arm}", refusal):
            self._log.warning(refusal, throttle_duration_sec=1.0)

    def _on_request(self, message: InterventionRequest) -> None:
        now_ns = self._clock.now().nanoseconds
        stranger = self._sealed.refusal(REQUESTS, message)
        if stranger and message.request not in _STOPS:
            return
        try:
            request = request_from_message(message)
            if stranger:
                # The stop is obeyed; the name on it is not believed, and its words do not fill the record.
                words = request.reason[:STRANGERS_WORDS]
                request = replace(request, sender="", operator=request.operator[:STRANGERS_WORDS], reason=words)
            refusal = self._loop.request(request, now_ns)
        except CodecError as error:
            refusal = str(error)
        if refusal:
            self._log.warning(refusal, throttle_duration_sec=1.0)
        self._tell(now_ns)  # at once: devices begin to command in time for the next tick

    def _on_heartbeat(self, message: Heartbeat) -> None:
        if not self._sealed.refusal(HEARTBEATS, message):
            self._bonds.heard(message.node, message.state, message.problem, time.monotonic())

    def _on_chunk(self, message: ActionChunk) -> None:
        if self._sealed.refusal(CHUNKS, message) or not (self._loop.armed and self._bonds.policy_may_act):
            return
        try:
            if message.action_space != self._rig.action_space:
                raise CodecError(
                    f"chunk {message.chunk_id} holds '{message.action_space}' actions, the rig wants "
                    f"'{self._rig.action_space}'; load a policy made for this rig"
                )
            now_ns = self._clock.now().nanoseconds
            refusal = self._loop.set_chunk(chunk_from_message(message), message.seal.sender, now_ns)
        except CodecError as error:
            refusal = self._loop.refuse_chunk(message.chunk_id, message.policy_version, str(error))
        self._publish_refused()
        if refusal and refusal == self._loop.policy.last_refusal and self.is_new("chunk", refusal):
            self._log.warning(refusal)

    def _publish_refused(self) -> None:
        """At once: policy_node goes back to another policy after too many."""
        now_ns = self._clock.now().nanoseconds
        for refused in self._loop.policy.take_refused():
            self._refused.publish(chunk_refused_message(refused, now_ns))


def _raw_problem(camera: Camera, serialised: bytes) -> str:
    """ "" or why nobody can use a raw image; what it shows is not looked at."""
    try:
        check_raw(raw_layout(serialised), camera)
    except CodecError as error:
        return str(error)
    return ""
