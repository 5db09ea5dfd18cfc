"""The only node that commands the arms: a thin shell over `ControlLoop`, one call per tick."""

import signal
import sys
import time
import traceback
from dataclasses import dataclass
from pathlib import Path

import rclpy
from aloe_msgs.msg import ArmCommand, ExecutedAction
from aloe_msgs.srv import EnableMotion
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.clock import Clock, ClockType
from rclpy.duration import Duration
from rclpy.experimental.events_executor import EventsExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.signals import SignalHandlerOptions

from aloe_control.bonds import Bonds, bonded_nodes
from aloe_control.control_loop import ControlLoop
from aloe_control.joints import time_to_rest_s
from aloe_control.ros.command_topics import deaf, rivals
from aloe_control.ros.control_inputs import ControlInputs
from aloe_control.ros.control_report import loop_statuses, strangers_status
from aloe_control.ros.intervention_publisher import InterventionPublisher
from aloe_control.ros.messages import arm_command_messages, executed_action_message
from aloe_control.ros.sensor_publishers import SensorPublishers
from aloe_control.tick import ControlConfig
from aloe_control.tick_statistics import TickStatistics
from aloe_control.world_guard import home_problems
from aloe_data.config import parameter
from aloe_data.launch_bond import end_with_launch
from aloe_data.rig import RigError
from aloe_data.rig_file import load_rig
from aloe_data.ros.convert import ns_to_stamp, stamp_to_ns
from aloe_data.ros.motion_enabling import ARM
from aloe_data.ros.pace import pace_of
from aloe_data.ros.parameters import declare_parameters
from aloe_data.ros.realtime import collect_garbage, lock_memory, quiet_garbage_collector, raise_priority
from aloe_data.ros.sealed_inputs import SealedInputs
from aloe_data.ros.sealing import MessageSealer
from aloe_data.session import open_session
from aloe_data.vocabulary import NS

ARM_MAX_AGE_S = 1.0  # of the wish to enable motion: one that waited for this node to wake up is not meant any more
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
        self._sealed = SealedInputs(self, session)
        self._rig = load_rig(config.rig)
        if not self._rig.simulated and self.get_parameter("use_sim_time").value:
            raise RigError(f"{config.rig} describes a real rig: it runs by real time, without use_sim_time")
        misplaced = home_problems(self._rig)
        if misplaced:
            raise RigError(f"{config.rig}: {' | '.join(misplaced)}")
        self._loop = ControlLoop(self._rig, config)
        self._sensors = SensorPublishers(self, self._rig)
        self._bonds = Bonds(bonded_nodes(config.bonds))
        self._period_ns = round(NS / self._rig.rate_hz)
        self._statistics = TickStatistics(1.0 / self._rig.rate_hz)
        self._stop_by_s: float | None = None
        self._ticked_ns = -1
        self._simulated_time = bool(self.get_parameter("use_sim_time").value)
        self.finished = False
        self._create_publishers()
        self._intervention = InterventionPublisher(self, self._rig, self._loop)
        publish = self._intervention.publish
        self._inputs = ControlInputs(self, self._rig, self._loop, self._sealed, self._bonds, publish)
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
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", QoSProfile(depth=10))

    def _on_arm(self, request: EnableMotion.Request, response: EnableMotion.Response) -> EnableMotion.Response:
        if request.enable:
            response.success, response.message = self._enable(request)
        else:
            self._loop.disarm(f"disarmed by {ARM}")
            response.success = True
            response.message = "disarmed"
        if self._inputs.is_new("arm", f"{request.enable} {response.message}"):
            self.get_logger().info(f"{ARM} {str(request.enable).lower()}: {response.message}")
        return response

    def _enable(self, request: EnableMotion.Request) -> tuple[bool, str]:
        """Enable motion; returns whether that was done, and why not."""
        now_ns = self.get_clock().now().nanoseconds
        problems = [text for text in (self._sealed.refusal(ARM, request), self._outdated(request, now_ns)) if text]
        if self._stop_by_s is not None:
            problems.append("control_node is shutting down")
        bonds = self._bonds.problems(time.monotonic())
        problems = problems or [*rivals(self, self._rig), *deaf(self, self._rig), *self._sensor_problems(), *bonds]
        if problems:
            return False, "not armed: " + " | ".join(problems)
        self._sensors.remember()
        done, text = self._loop.arm(now_ns)
        self._intervention.publish(now_ns)  # at once: a record says when, whatever the next tick changes
        return done, text

    def _sensor_problems(self) -> list[str]:
        """Why nobody can rely on what the cameras show, as far as the graph tells."""
        return [*self._sensors.rivals(), *self._sensors.of_other_transport()]

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
        self._intervention.publish(now_ns)
        self._statistics.add(result, now_ns / NS, lateness_s, time.monotonic() - began_s)
        if self._stop_by_s is not None and not self._loop.armed:
            self.finished = True

    def _on_second(self) -> None:
        now_ns = self.get_clock().now().nanoseconds
        transport = " | ".join(self._sensors.of_other_transport())
        if self._inputs.is_new("transport", transport) and transport:
            self.get_logger().error(transport)  # armed or not: a silent camera does not tell why it is silent
        if self._loop.armed:
            others = [*rivals(self, self._rig), *deaf(self, self._rig), *self._sensors.newcomers()]
            others += [transport] if transport else []
            if others:
                self._loop.fail(" | ".join(others))
        statuses = [*loop_statuses(self._loop, self._statistics.summary(), now_ns), strangers_status(self._sealed)]
        message = DiagnosticArray(status=statuses)
        message.header.stamp = ns_to_stamp(now_ns)
        self._diagnostics.publish(message)
        collect_garbage()

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
        for publisher in (*self._commands.values(), self._executed):
            publisher.wait_for_all_acked(Duration(seconds=0.5))
        self._intervention.wait_until_heard(0.5)

    def _on_stop_timeout(self) -> None:
        if self._stop_by_s is not None and (not self._loop.armed or time.monotonic() > self._stop_by_s):
            self.finished = True


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
