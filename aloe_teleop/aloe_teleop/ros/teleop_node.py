"""teleop_node: the devices of one operator, as commands, requests and verdicts."""

import os
import select
import signal
import threading
from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from aloe_msgs.msg import EpisodeEvent, InterventionRequest, TeleopCommand
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.duration import Duration
from rclpy.node import Node

from aloe_data.config import parameter
from aloe_data.recording import REQUESTS, human_command_topic
from aloe_data.rig_file import load_rig
from aloe_data.ros.convert import diagnostics, ns_to_stamp
from aloe_data.ros.node_main import run_node
from aloe_data.ros.pace import pace_of
from aloe_data.ros.parameters import declare_parameters
from aloe_data.ros.realtime import raise_priority
from aloe_data.ros.sealing import MessageSealer
from aloe_data.session import open_session
from aloe_data.vocabulary import RequestKind, Verdict
from aloe_teleop.device import Command, Waitable
from aloe_teleop.ros.rig_state import RigState
from aloe_teleop.station import Asked, Station
from aloe_teleop.teleop_file import load_devices

FRAME = "rig"  # of Cartesian commands
COMMAND_PERIOD_S = 0.02
HEARTBEAT_PERIOD_S = 0.1
REPORT_PERIOD_S = 1.0
_SAME_MOMENT_NS = 1_000_000
_BREATH_S = 0.004  # between polls that events ask for: a SpaceMouse sends hundreds a second


@dataclass(frozen=True)
class TeleopNodeConfig:
    """Parameters of teleop_node."""

    rig: Path = parameter(doc="rig file")
    config: Path = parameter(doc="file of the devices, as config/teleop_pedals.yaml")
    operator: str = parameter("", doc="who operates; empty: as the file says")


class TeleopNode(Node):
    """Polls the devices at 50 Hz, and at once when one of them has something to say.

    Commands are published in every poll, with `deadman` false while the operator does not have the arm; those of a dead
    device are not.
    """

    def __init__(self, **node_options: object) -> None:
        super().__init__("teleop_node", **node_options)
        config = declare_parameters(self, TeleopNodeConfig)
        rig = load_rig(config.rig)
        operator, self._devices = load_devices(config.config, rig)
        self._operator = config.operator or operator
        self._station = Station(self._devices, rig)
        self._sealer = MessageSealer(open_session(), self.get_name())
        wanted = [device.inputs for device in self._devices.values()]
        self._rig_state = RigState(self, rig, self._operator, self._sealer.sender, wanted)
        self._problems = dict.fromkeys(self._devices, "")
        self._stop = ""  # what is outstanding of an emergency stop
        self._unguarded = ""  # why nobody guards the arms
        self._stamp_ns = -1
        self.error: Exception | None = None
        self._asked_ns = -1
        self._said: Asked | None = None
        self._sequence = 0
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._commands = {
            arm: self.create_publisher(TeleopCommand, human_command_topic(arm), 1)
            for device in self._devices.values()
            for arm in device.arms
        }
        self._requests = self.create_publisher(InterventionRequest, REQUESTS, 10)
        self._verdicts = self.create_publisher(EpisodeEvent, "/episode/verdict", 10)
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        self.create_timer(COMMAND_PERIOD_S, lambda: self._poll(with_commands=True), clock=pace_of(self))
        self.create_timer(HEARTBEAT_PERIOD_S, self._on_heartbeat, clock=pace_of(self))
        self.create_timer(REPORT_PERIOD_S, self._on_report)
        self._thread = threading.Thread(target=self._watch, name="devices", daemon=True)
        self._thread.start()
        names = ", ".join(self._devices)
        self.get_logger().info(
            f"ready: {self._operator} with {names}; commands {', '.join(self._commands) or 'no arm'}"
        )

    def finish(self) -> None:
        """Let the arms go, give the devices back."""
        self._closing.set()
        self._thread.join(timeout=1.0)
        with self._lock:
            self._ask(self.get_clock().now().nanoseconds, self._station.let_go("teleop_node ends"))
            for device in self._devices.values():
                device.close()
        self._requests.wait_for_all_acked(Duration(seconds=0.5))

    def _watch(self) -> None:
        """Poll when a file of a device can be read; the timer alone would let a pedal wait for up to 20 ms."""
        try:
            self._poll_when_ready()
        except Exception as error:  # the end of this thread is the end of the node
            self.error = error
            os.kill(os.getpid(), signal.SIGTERM)

    def _poll_when_ready(self) -> None:
        waitable = [device for device in self._devices.values() if isinstance(device, Waitable)]
        while not self._closing.is_set():
            files = [file for device in waitable for file in device.files()]
            try:
                ready = select.select(files, [], [], HEARTBEAT_PERIOD_S)[0]
            except (OSError, ValueError):
                ready = []  # it was closed meanwhile, by the other thread's poll
            if ready and not self._closing.is_set():
                self._poll(with_commands=False)
                self._closing.wait(_BREATH_S)

    def _poll(self, with_commands: bool) -> None:
        with self._lock:
            now_ns = self.get_clock().now().nanoseconds
            view = self._rig_state.view()
            outcome = self._station.poll(now_ns, view)
            # First of all: control_node would otherwise read the commands before it gives authority.
            self._ask(now_ns, outcome.asked)
            if (with_commands or outcome.asked) and now_ns != self._stamp_ns:
                self._stamp_ns = now_ns
                for arm, command in outcome.commands.items():
                    self._commands[arm].publish(self._command_message(arm, command, now_ns))
            self._judge(now_ns, *outcome.verdict)
            for note in outcome.notes:
                self.get_logger().warning(note)
            if outcome.problems != self._problems:
                self._say_problems(outcome.problems)
            self._unguarded = outcome.unguarded
            if outcome.stop != self._stop:
                self._say_stop(outcome.stop)

    def _command_message(self, arm: str, command: Command, now_ns: int) -> TeleopCommand:
        self._sequence += 1
        message = TeleopCommand(
            arm=arm,
            operator_id=self._operator,
            mode=int(command.mode),
            relative=command.relative,
            deadman=command.deadman,
            sequence=self._sequence,
            data=array("d", command.data),
        )
        message.header.stamp = ns_to_stamp(now_ns)
        message.header.frame_id = FRAME
        self._sealer.seal(human_command_topic(arm), message)
        return message

    def _ask(self, now_ns: int, asked: Iterable[Asked]) -> None:
        for item in asked:
            request = item.request
            arms = list(item.request.arms)
            # Rising, also for two pedals in one poll: control_node refuses what is not newer than the last request.
            together = 0 <= self._asked_ns - now_ns < _SAME_MOMENT_NS
            self._asked_ns = self._asked_ns + 1 if together else now_ns
            self._request(self._asked_ns, int(request.kind), item.device, arms, request.reason)
            repeated = request.kind is RequestKind.ESTOP and item == self._said
            self._said = item
            if not repeated:
                named = ", ".join(arms) or "all arms"
                self.get_logger().info(f"{request.kind.name} of {named} asked for by {item.device}: {request.reason}")

    def _request(self, stamp_ns: int, request: int, device: str, arms: list[str], reason: str) -> None:
        message = InterventionRequest(
            request=request, arms=arms, operator_id=self._operator, device=device, reason=reason
        )
        message.header.stamp = ns_to_stamp(stamp_ns)
        self._requests.publish(self._sealer.seal(REQUESTS, message))

    def _judge(self, now_ns: int, verdict: Verdict, device: str, reason: str) -> None:
        if verdict is Verdict.NONE:
            return
        # By name: should the episode end at this moment, the verdict is not taken for one on the next.
        event = EpisodeEvent(
            kind=EpisodeEvent.VERDICT,
            episode_id=self._rig_state.newest_episode_id,
            verdict=int(verdict),
            source=device,
            reason=reason,
        )
        event.header.stamp = ns_to_stamp(now_ns)
        self._verdicts.publish(event)
        self.get_logger().info(f"{verdict.name} of {event.episode_id or 'the running episode'} given by {device}")

    def _on_heartbeat(self) -> None:
        if self._unguarded:
            return  # a pedal that lives must not vouch for a stop that is unplugged
        now_ns = self.get_clock().now().nanoseconds
        for name, device in self._devices.items():
            if device.asks and not self._problems[name]:
                self._request(now_ns, InterventionRequest.ALIVE, name, [], "")

    def _say_problems(self, problems: dict[str, str]) -> None:
        for name, problem in problems.items():
            if problem == self._problems[name]:
                continue
            if problem:
                self.get_logger().error(problem)
            else:
                self.get_logger().info(f"{name}: works")
        self._problems = dict(problems)
        self._on_report()

    def _say_stop(self, stop: str) -> None:
        self._stop = stop
        if stop:
            self.get_logger().error(stop)
        else:
            self.get_logger().info("the emergency stop is reset; motion still needs arming")
        self._on_report()

    def _on_report(self) -> None:
        now_ns = self.get_clock().now().nanoseconds
        for name, problem in self._problems.items():
            values = {"operator": self._operator, "commands": ", ".join(self._devices[name].arms)}
            self._diagnostics.publish(diagnostics(now_ns, f"teleop_node: {name}", problem, values))
        self._diagnostics.publish(diagnostics(now_ns, "teleop_node: emergency stop", self._stop, {}))


def main() -> None:
    """Run teleop_node until SIGINT or SIGTERM."""
    raise_priority(fifo=15)  # a hand that comes late is a hand off the device; control_node goes first
    run_node(TeleopNode)
