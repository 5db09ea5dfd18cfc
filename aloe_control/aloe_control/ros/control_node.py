"""The only node that commands the arms: a thin shell over `ControlLoop`, one call per tick."""

import functools
import signal
import sys
import time
import traceback
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import rclpy
from aloe_msgs.msg import (
    ActionChunk,
    ArmCommand,
    ExecutedAction,
    Heartbeat,
    Intervention,
    InterventionRequest,
    TeleopCommand,
)
from aloe_msgs.srv import EnableMotion
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.clock import Clock, ClockType
from rclpy.duration import Duration
from rclpy.experimental.events_executor import EventsExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import CompressedImage, Image, JointState

from aloe_control.bonds import Bonds, bonded_nodes
from aloe_control.control_loop import ControlLoop
from aloe_control.joints import time_to_rest_s
from aloe_control.operator_requests import RequestKind
from aloe_control.ros.command_topics import deaf, rivals
from aloe_control.ros.messages import (
    arm_command_messages,
    diagnostic_status,
    executed_action_message,
    human_command_from_message,
    image_checksum,
    intervention_message,
    request_from_message,
)
from aloe_control.ros.sensor_publishers import SensorPublishers
from aloe_control.tick import ControlConfig
from aloe_control.tick_statistics import TickStatistics
from aloe_control.world_guard import home_problems
from aloe_data.codecs import CodecError, is_foreign, select_joints
from aloe_data.config import parameter
from aloe_data.launch_bond import end_with_launch
from aloe_data.rig import Arm, RigError, load_rig
from aloe_data.ros.convert import chunk_from_message, ns_to_stamp, stamp_to_ns
from aloe_data.ros.heartbeat import HEARTBEATS
from aloe_data.ros.pace import pace_of
from aloe_data.ros.parameters import declare_parameters
from aloe_data.ros.qos import LATCHED, SENSOR
from aloe_data.ros.realtime import collect_garbage, lock_memory, quiet_garbage_collector, raise_priority
from aloe_data.ros.sealed_inputs import SealedInputs
from aloe_data.ros.sealing import MessageSealer
from aloe_data.serialized import header_stamp_ns
from aloe_data.session import open_session

NS = 1_000_000_000
REQUEST_DEPTH = 50
CHUNKS = "/policy/action_chunk"
REQUESTS = "/intervention/request"
ARM = "/control/arm"
ARM_MAX_AGE_S = 1.0  # of the wish to enable motion: one that waited for this node to wake up is not meant any more
_STOPS = (RequestKind.HOLD, RequestKind.ESTOP)  # obeyed whoever asks: a stop too many moves nothing
STOP_TIMEOUT_S = 1.0  # on a signal: beyond the time for coming to rest, should the clock stand still


@dataclass(frozen=True)
class ControlNodeConfig(ControlConfig):
    """Parameters of control_node."""

    rig: Path = parameter(doc="Path of the rig's YAML file.")
    bonds: str = parameter("", doc="Nodes that must say on /heartbeat that they work while arms move, with commas.")


class ControlNode(Node):
    """Subscribes to what motion depends on, ticks the control loop, publishes commands and what was really done."""

    def __init__(self) -> None:
        super().__init__("control_node")
        config = declare_parameters(self, ControlNodeConfig)
        session = open_session()
        self._sealer = MessageSealer(session, self.get_name())
        self._inputs = SealedInputs(self, session)
        self._rig = load_rig(config.rig)
        misplaced = home_problems(self._rig)
        if misplaced:
            raise RigError(f"{config.rig}: {' | '.join(misplaced)}")
        self._loop = ControlLoop(self._rig, config)
        self._sensors = SensorPublishers(self, self._rig)
        self._bonds = Bonds(bonded_nodes(config.bonds))
        self._period_ns = round(NS / self._rig.rate_hz)
        self._statistics = TickStatistics(1.0 / self._rig.rate_hz)
        self._published: tuple[object, ...] | None = None
        self._logged: dict[str, str] = {}
        self._found_arms: set[str] = set()  # whose joints were in a message
        self._stop_by_s: float | None = None
        self._ticked_ns = -1
        self._simulated_time = bool(self.get_parameter("use_sim_time").value)
        self.finished = False
        self._create_publishers()
        self._create_subscriptions()
        self.create_service(EnableMotion, ARM, self._on_arm)
        self._timer = self.create_timer(1.0 / self._rig.rate_hz, self._on_tick, clock=pace_of(self), autostart=False)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(1.0, self._on_second, clock=steady)
        self.create_timer(0.1, self._on_stop_timeout, clock=steady)

    @property
    def rig_name(self) -> str:
        """Name of the rig that is controlled."""
        return self._rig.name

    def _create_publishers(self) -> None:
        self._commands = {
            arm.name: self.create_publisher(ArmCommand, arm.command_topic, QoSProfile(depth=1))
            for arm in self._rig.arms
        }
        self._executed = self.create_publisher(ExecutedAction, "/executed_action", QoSProfile(depth=200))
        self._intervention = self.create_publisher(Intervention, "/intervention", LATCHED)
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", QoSProfile(depth=10))

    def _create_subscriptions(self) -> None:
        for arm in self._rig.arms:
            handle = functools.partial(self._on_joint_state, arm)
            self.create_subscription(JointState, arm.joint_state_topic, handle, SENSOR)
            topic = f"/teleop/{arm.name}/command"
            self.create_subscription(TeleopCommand, topic, functools.partial(self._on_human, topic), SENSOR)
        for camera in self._rig.cameras:
            message_type = CompressedImage if camera.message_type.endswith("CompressedImage") else Image
            handle = functools.partial(self._on_image, camera.name)
            self.create_subscription(message_type, camera.topic, handle, SENSOR, raw=True)
        self.create_subscription(ActionChunk, CHUNKS, self._on_chunk, QoSProfile(depth=5))
        self.create_subscription(InterventionRequest, REQUESTS, self._on_request, QoSProfile(depth=REQUEST_DEPTH))
        self.create_subscription(Heartbeat, HEARTBEATS, self._on_heartbeat, QoSProfile(depth=20))

    def _on_joint_state(self, arm: Arm, message: JointState) -> None:
        foreign = is_foreign(message.name, arm)
        if foreign and arm.name in self._found_arms:
            return  # another device's on the same topic; before the arm was heard it tells what is wrong
        try:
            positions = select_joints(message.name, message.position, arm)
        except CodecError as error:
            self._loop.spoil_joint_state(arm.name, str(error))
            if not foreign and self._is_new(arm.name, str(error)):
                self.get_logger().warning(str(error))
            return
        self._found_arms.add(arm.name)
        now_ns = self.get_clock().now().nanoseconds
        problem = self._loop.set_joint_state(arm.name, stamp_to_ns(message.header.stamp), positions, now_ns)
        if problem and self._is_new(arm.name, problem):
            self.get_logger().warning(problem)

    def _on_image(self, camera: str, serialised: bytes) -> None:
        now_ns = self.get_clock().now().nanoseconds
        self._loop.set_camera_stamp(camera, header_stamp_ns(serialised), image_checksum(serialised), now_ns)

    def _on_human(self, topic: str, message: TeleopCommand) -> None:
        if self._inputs.refusal(topic, message):
            return
        refusal = self._loop.set_human(human_command_from_message(message), self.get_clock().now().nanoseconds)
        if refusal and (message.deadman or not self._loop.armed) and self._is_new(f"human {message.arm}", refusal):
            self.get_logger().warning(refusal, throttle_duration_sec=1.0)

    def _on_request(self, message: InterventionRequest) -> None:
        now_ns = self.get_clock().now().nanoseconds
        stranger = self._inputs.refusal(REQUESTS, message)
        if stranger and message.request not in _STOPS:
            return
        try:
            request = request_from_message(message)
            if stranger:
                request = replace(request, sender="")  # the stop is obeyed, the name on it is not believed
            refusal = self._loop.request(request, now_ns)
        except CodecError as error:
            refusal = str(error)
        if refusal:
            self.get_logger().warning(refusal, throttle_duration_sec=1.0)
        self._publish_intervention(now_ns)  # at once: devices begin to command in time for the next tick

    def _on_heartbeat(self, message: Heartbeat) -> None:
        if not self._inputs.refusal(HEARTBEATS, message):
            self._bonds.heard(message.node, message.state, message.problem, time.monotonic())

    def _on_chunk(self, message: ActionChunk) -> None:
        if not (self._loop.armed and self._bonds.policy_may_act) or self._inputs.refusal(CHUNKS, message):
            return
        try:
            if message.action_space != self._rig.action_space:
                raise CodecError(
                    f"chunk {message.chunk_id} holds '{message.action_space}' actions, the rig wants "
                    f"'{self._rig.action_space}'; load a policy made for this rig"
                )
            now_ns = self.get_clock().now().nanoseconds
            refusal = self._loop.set_chunk(chunk_from_message(message), message.seal.sender, now_ns)
        except CodecError as error:
            refusal = self._loop.refuse_chunk(str(error), message.policy_version)
        if refusal and refusal == self._loop.policy.last_refusal and self._is_new("chunk", refusal):
            self.get_logger().warning(refusal)

    def _on_arm(self, request: EnableMotion.Request, response: EnableMotion.Response) -> EnableMotion.Response:
        if request.enable:
            response.success, response.message = self._enable(request)
        else:
            self._loop.disarm(f"disarmed by {ARM}")
            response.success, response.message = True, "disarmed"
        if self._is_new("arm", f"{request.enable} {response.message}"):
            self.get_logger().info(f"{ARM} {str(request.enable).lower()}: {response.message}")
        return response

    def _enable(self, request: EnableMotion.Request) -> tuple[bool, str]:
        """Enable motion; returns whether that was done, and why not."""
        now_ns = self.get_clock().now().nanoseconds
        problems = [text for text in (self._inputs.refusal(ARM, request), self._outdated(request, now_ns)) if text]
        if self._stop_by_s is not None:
            problems.append("control_node is shutting down")
        bonds = self._bonds.problems(time.monotonic())
        problems = problems or [*rivals(self, self._rig), *deaf(self, self._rig), *self._sensors.rivals(), *bonds]
        if problems:
            return False, "not armed: " + " | ".join(problems)
        self._sensors.remember()
        done, text = self._loop.arm(now_ns)
        self._publish_intervention(now_ns)  # at once: a record says when, whatever the next tick changes
        return done, text

    def _outdated(self, request: EnableMotion.Request, now_ns: int) -> str:
        age_s = (now_ns - stamp_to_ns(request.stamp)) / NS
        if abs(age_s) <= ARM_MAX_AGE_S:
            return ""
        return f"this was asked for {age_s:.1f} s ago (limit {ARM_MAX_AGE_S:g} s); ask again, and compare the clocks"

    def _on_tick(self) -> None:
        began_s = time.monotonic()
        now_ns = self.get_clock().now().nanoseconds
        if now_ns == self._ticked_ns and self._stop_by_s is None:
            return  # by /clock the timer may fire twice in one instant; this one has had its tick
        self._ticked_ns = now_ns
        # The timer keeps an absolute schedule and has moved on by one period already.
        scheduled_ns = now_ns + self._timer.time_until_next_call() - self._period_ns
        if self._loop.armed and (broken := self._bonds.problems(began_s)):
            self._loop.fail(" | ".join(broken))
        result = self._loop.tick(now_ns, None if self._simulated_time else time.monotonic_ns())
        for arm, message in arm_command_messages(result).items():
            self._commands[arm].publish(self._sealer.seal(self._rig.arm(arm).command_topic, message))
        lateness_s = (now_ns - scheduled_ns) / NS
        self._executed.publish(executed_action_message(result, lateness_s))
        self._publish_intervention(now_ns)
        self._statistics.add(result, now_ns / NS, lateness_s, time.monotonic() - began_s)
        if self._stop_by_s is not None and not self._loop.armed:
            self.finished = True

    def _publish_intervention(self, now_ns: int) -> None:
        """Say who holds which arm, if that changed."""
        holds = {arm.name: self._loop.authority(arm.name) for arm in self._rig.arms}
        fault, estop = self._loop.fault, bool(self._loop.estop)
        stops = self._loop.stops
        state = (self._loop.armed, fault, estop, stops, *holds.values())
        if state == self._published:
            return
        if fault and (self._published is None or self._published[1] != fault):
            self.get_logger().error(f"fault, the arms hold: {fault}")
        self._published = state
        message = intervention_message(now_ns, self._loop.armed, estop, fault, self._rig, holds, stops)
        self._intervention.publish(message)

    def _on_second(self) -> None:
        now_ns = self.get_clock().now().nanoseconds
        if self._loop.armed:
            others = [*rivals(self, self._rig), *deaf(self, self._rig), *self._sensors.newcomers()]
            if others:
                self._loop.fail(" | ".join(others))
        problems = self._loop.problems(now_ns)
        summary = {name: round(value, 3) for name, value in asdict(self._statistics.summary()).items()}
        policy = self._loop.policy
        summary |= {"refused_chunks": policy.refused_chunks, "last_refusal": policy.last_refusal}
        summary |= {"last_refused_policy": policy.last_refused_policy}
        ok, warn, error = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR
        state = "armed" if self._loop.armed else "not armed"
        message = DiagnosticArray()
        message.header.stamp = ns_to_stamp(now_ns)
        message.status = [
            diagnostic_status(
                error if self._loop.fault else ok, "control_node: motion", self._loop.fault or state, summary
            ),
            diagnostic_status(
                warn if problems else ok, "control_node: streams", " | ".join(problems) or "all healthy", {}
            ),
            self._strangers(),
        ]
        self._diagnostics.publish(message)
        collect_garbage()

    def _strangers(self) -> DiagnosticStatus:
        """Who speaks where only this session may."""
        problems = self._inputs.problems()
        level = DiagnosticStatus.ERROR if problems else DiagnosticStatus.OK
        values = {"refused_messages": self._inputs.refused_count}
        return diagnostic_status(level, "control_node: strangers", " | ".join(problems) or "none heard", values)

    def begin(self) -> None:
        """Start the schedule of ticks now."""
        self._timer.reset()

    def stop(self, failure: str = "") -> None:
        """Bring the arms to rest, then finish; for a `failure` that is told, or because somebody asks for it."""
        self._stop_by_s = time.monotonic() + time_to_rest_s(self._rig) + STOP_TIMEOUT_S
        if failure:
            self._loop.fail(failure)
        self._loop.disarm("control_node was asked to stop")

    def close(self) -> None:
        """Wait until the last words have arrived."""
        for publisher in (*self._commands.values(), self._intervention, self._executed):
            publisher.wait_for_all_acked(Duration(seconds=0.5))

    def _on_stop_timeout(self) -> None:
        if self._stop_by_s is not None and (not self._loop.armed or time.monotonic() > self._stop_by_s):
            self.finished = True

    def _is_new(self, key: str, text: str) -> bool:
        """Whether a text is worth logging: not again and again while callers retry or a problem goes on."""
        was = self._logged.get(key)
        self._logged[key] = text
        return was != text


def main() -> None:
    """Run control_node until SIGINT, SIGTERM or the end of its launch; the arms come to rest before it ends."""
    priority = raise_priority()
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    try:
        node = ControlNode()
    except (ValueError, OSError, RuntimeError) as error:
        rclpy.try_shutdown()
        sys.exit(f"control_node: {error}")
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: node.stop())
    end_with_launch()
    executor = EventsExecutor()
    executor.add_node(node)
    node.get_logger().info(f"rig '{node.rig_name}': {priority}")
    lock_memory()
    quiet_garbage_collector()
    node.begin()
    failure = _spin(node, executor)
    node.close()
    executor.remove_node(node)
    node.destroy_node()
    executor.shutdown()
    rclpy.try_shutdown()
    sys.exit(failure or 0)


def _spin(node: ControlNode, executor: EventsExecutor) -> str:
    """Run until the node has finished; returns "" or what it failed of, after the arms have come to rest."""
    failure = ""
    while not node.finished:
        try:
            executor.spin_once(timeout_sec=0.5)
        except Exception as error:
            if not failure:
                traceback.print_exc()
                failure = f"control_node failed, please report it: {type(error).__name__}: {error}"
                node.stop(failure)
    return failure
