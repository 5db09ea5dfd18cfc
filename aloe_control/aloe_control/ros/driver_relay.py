"""Between the arms' command topics and their drivers, on the robot's side: the law of `driver_relay.DriverRelay`.

    ros2 run aloe_control driver_relay --ros-args -p rig:=my_rig.yaml

A launch of a real rig starts it. Of an arm whose driver says `elsewhere: true` it is started by hand on the machine of
the driver, with a copy of the launch's session file (`ALOE_SESSION_FILE=COPY`); see docs/drivers.md.
"""

import time
from dataclasses import dataclass
from pathlib import Path

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.qos import QoSProfile

from aloe_control.ros.arm_relay import ArmRelay
from aloe_data.config import ConfigError, parameter
from aloe_data.driver import missing_drivers
from aloe_data.rig import Arm, Rig
from aloe_data.rig_file import load_rig
from aloe_data.ros.convert import diagnostic_status, ns_to_stamp
from aloe_data.ros.node_main import run_node
from aloe_data.ros.parameters import declare_parameters
from aloe_data.ros.realtime import collect_garbage, lock_memory, quiet_garbage_collector, raise_priority
from aloe_data.ros.sealed_inputs import SealedInputs
from aloe_data.session import open_session

_STEP_S = 0.01
_LOOK_S = 0.5
_ARRIVAL_S = 1.0  # in which a node finds the others
_LAST_WORDS_S = 3.0  # on a signal: control_node brings the arms to rest meanwhile


@dataclass(frozen=True)
class DriverRelayConfig:
    """Parameters of driver_relay."""

    rig: Path = parameter(doc="Path of the rig's YAML file.")
    arms: str = parameter("", doc="Arms to relay, separated by commas; empty: all.")


class DriverRelayNode(Node):
    """Relays the arms of a rig; refuses to start beside another relay of one of them.

    Raises:
        ConfigError: A rig that has no drivers, or no such arms.
        DriverError: A driver that takes a type which is not installed.
        SessionError: There is no session.
    """

    def __init__(self) -> None:
        super().__init__("driver_relay")
        self.error: Exception | None = None
        config = declare_parameters(self, DriverRelayConfig)
        self._inputs = SealedInputs(self, open_session())
        rig = load_rig(config.rig)
        self._arms = [ArmRelay(self, rig, arm, self._inputs) for arm in chosen_arms(rig, config)]
        self._states: dict[str, str] = {}
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", QoSProfile(depth=10))
        self._refuse_second_relay()
        self._on_look()
        quiet_garbage_collector()
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(_STEP_S, self._on_step, clock=steady)
        self.create_timer(_LOOK_S, self._on_look, clock=steady)

    def finish(self) -> None:
        """Go on until control_node has brought the arms to rest, so that they are held where they are."""
        end_s = time.monotonic() + _LAST_WORDS_S
        while any(arm.following for arm in self._arms) and time.monotonic() < end_s:
            time.sleep(_STEP_S)

    def _refuse_second_relay(self) -> None:
        time.sleep(_ARRIVAL_S)
        others = [text for arm in self._arms if (text := arm.other_relays())]
        if others:
            raise ConfigError(" | ".join(others))

    def _on_step(self) -> None:
        for arm in self._arms:
            arm.step()
            if self._states.get(arm.arm.name) != arm.state:
                self._states[arm.arm.name] = arm.state
                self.get_logger().info(f"'{arm.arm.name}' {arm.state}")

    def _on_look(self) -> None:
        message = DiagnosticArray()
        message.header.stamp = ns_to_stamp(self.get_clock().now().nanoseconds)
        for arm in self._arms:
            arm.look()
            strangers = [*arm.problems, *arm.strangers()]
            if strangers:
                self.get_logger().error(" | ".join(strangers), throttle_duration_sec=5.0)
            message.status.append(self._status(arm, strangers))
        self._diagnostics.publish(message)
        collect_garbage()

    def _status(self, arm: ArmRelay, strangers: list[str]) -> DiagnosticStatus:
        level = DiagnosticStatus.ERROR if strangers else DiagnosticStatus.OK
        values = {f"refused {reason} of {sender}": count for (reason, sender), count in arm.refused.items()}
        values["refused"] = sum(arm.refused.values())
        text = " | ".join([arm.state, *strangers])
        return diagnostic_status(f"driver_relay: {arm.arm.name}", text, values, level)


def chosen_arms(rig: Rig, config: DriverRelayConfig) -> list[Arm]:
    """The arms to relay.

    Raises:
        ConfigError: The rig is simulated, an arm has no driver, or there is no such arm.
        RigError: There is no such arm.
    """
    if rig.simulated:
        raise ConfigError(f"{config.rig} describes a simulated rig, whose arms need no relay")
    names = [name.strip() for name in config.arms.split(",") if name.strip()]
    arms = [rig.arm(name) for name in names] or list(rig.arms)
    without = missing_drivers(tuple(arms), config.rig)
    if without:
        raise ConfigError(without)
    return arms


def main() -> None:
    """Run driver_relay until SIGINT, SIGTERM or the end of its launch."""
    raise_priority()
    lock_memory()
    run_node(DriverRelayNode)
