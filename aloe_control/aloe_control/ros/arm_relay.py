"""One arm of driver_relay: its topics, and who else is there."""

import time
from collections import Counter

import numpy as np
from aloe_msgs.msg import ArmCommand
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.subscription import Subscription
from sensor_msgs.msg import JointState

from aloe_control.driver_relay import DriverRelay
from aloe_control.relay_commands import Command
from aloe_control.relay_limits import relay_limits
from aloe_control.ros.command_topics import listeners, other_publishers
from aloe_control.ros.driver_messages import DriverError, driver_outputs
from aloe_data.codecs import CodecError, is_foreign, select_joints
from aloe_data.driver import Driver
from aloe_data.joint_track import JointTrack
from aloe_data.rig import Arm, Rig
from aloe_data.ros.convert import stamp_to_ns
from aloe_data.ros.sealed_inputs import SealedInputs

CONTROL = "control_node"
_NEWEST = QoSProfile(depth=1)  # of what waited, only the last command is of use


class ArmRelay:
    """Between the command topic of one arm and its driver.

    Args:
        node: Node that listens and publishes.
        rig: The rig.
        arm: One of its arms, whose driver is known.
        inputs: Tells messages of this session from all others.

    Raises:
        DriverError: Its driver takes a type whose package is not installed.
    """

    def __init__(self, node: Node, rig: Rig, arm: Arm, inputs: SealedInputs) -> None:
        if arm.driver is None:
            raise DriverError(f"'{arm.name}' has no driver in the rig file (docs/drivers.md)")
        self.arm = arm
        self.driver = arm.driver
        self.refused: Counter[tuple[str, str]] = Counter()  # by reason and sender
        self.problems: list[str] = ["looking who else is there"]
        self._node = node
        self._inputs = inputs
        limits = relay_limits(rig, arm, self.driver.slack_rad, self.driver.following_lag_s)
        self._relay = DriverRelay(limits)
        self._track = JointTrack(arm, is_live=True)
        self._period_ns = limits.period_ns
        self._outputs = [
            (output, node.create_publisher(output.message_class, output.topic, _NEWEST))
            for output in driver_outputs(arm, self.driver, limits.period_ns)
        ]
        sharers = len(rig.arms_on(arm.joint_state_topic))
        self._state_publishers = self.driver.joint_state_publishers or sharers
        states = QoSProfile(depth=sharers, reliability=ReliabilityPolicy.BEST_EFFORT)
        node.create_subscription(JointState, arm.joint_state_topic, self._on_joint_state, states)
        self._commands: Subscription | None = None
        self._sent: np.ndarray | None = None
        self._sent_ns = 0

    @property
    def state(self) -> str:
        """What the arm does, in words."""
        return self._relay.state

    @property
    def following(self) -> bool:
        """Whether a command is followed."""
        return self._relay.following

    def step(self) -> None:
        """Send the driver what it is to have now, if that has changed or a period has passed."""
        now_ns = time.monotonic_ns()
        wanted = self._relay.step(now_ns)
        if wanted is None:
            return
        same = self._sent is not None and np.array_equal(wanted, self._sent)
        if same and now_ns - self._sent_ns < self._period_ns:
            return
        clock_ns = self._node.get_clock().now().nanoseconds
        for output, publisher in self._outputs:
            publisher.publish(output.encode(wanted, clock_ns))
        self._sent = wanted
        self._sent_ns = now_ns

    def look(self) -> None:
        """See who else is on the arm's topics; what is found there keeps the arm held."""
        problems = other_publishers(self._node, self.driver.topics, self._node.get_name())
        states = self._node.count_publishers(self.arm.joint_state_topic)
        if states > self._state_publishers:
            problems.append(
                f"{self.arm.joint_state_topic} has {states} publishers instead of {self._state_publishers}: where "
                f"'{self.arm.name}' is, is not known; stop the others (driver.joint_state_publishers in the rig file)"
            )
        others = self.other_relays()
        if others:
            problems.append(others)
        absent = missing_driver(self._node, self.arm.name, self.driver)
        self.problems = [*problems, *absent]
        if self.problems:
            self._relay.hold(" | ".join(self.problems))
        self._listen(not absent)

    def strangers(self) -> list[str]:
        """One sentence if somebody beside control_node publishes commands; these are refused by their seals."""
        return other_publishers(self._node, [self.arm.command_topic], CONTROL)

    def other_relays(self) -> str:
        """ "" or that the arm has another relay."""
        names = [name for name, _ in listeners(self._node, self.arm.command_topic).values()]
        count = names.count(self._node.get_name()) - (self._commands is not None)
        if count <= 0:
            return ""
        return f"'{self.arm.name}' has another {self._node.get_name()} already; stop one of them"

    def _listen(self, wanted: bool) -> None:
        """Subscribe while there is a driver: control_node sees by that whether somebody obeys."""
        if wanted and self._commands is None:
            topic = self.arm.command_topic
            self._commands = self._node.create_subscription(ArmCommand, topic, self._on_command, _NEWEST)
        elif not wanted and self._commands is not None:
            self._node.destroy_subscription(self._commands)
            self._commands = None

    def _on_command(self, message: ArmCommand) -> None:
        topic = self.arm.command_topic
        if self._inputs.refusal(topic, message):
            # What a stranger calls itself means nothing, and would fill the memory.
            self.refused["seal", "strangers"] += 1
            return
        if self.problems or message.arm != self.arm.name:
            self.refused["problems", message.seal.sender] += 1
            return
        age_ns = self._node.get_clock().now().nanoseconds - stamp_to_ns(message.header.stamp)
        positions = np.array(message.positions, float)
        command = Command(message.seal.sender, age_ns, message.hold, positions)
        refusal = self._relay.command(command, time.monotonic_ns())
        if refusal is not None:
            self.refused[refusal.kind, command.sender] += 1
            text = f"command for '{self.arm.name}' refused: {refusal.text}"
            self._node.get_logger().error(text, throttle_duration_sec=1.0)
        self.step()

    def _on_joint_state(self, message: JointState) -> None:
        if is_foreign(message.name, self.arm):
            return
        # Joint states carry no seal, and a held arm goes along with them: whose they are must be beyond doubt.
        if self._node.count_publishers(self.arm.joint_state_topic) > self._state_publishers:
            return
        try:
            positions = select_joints(message.name, message.position, self.arm)
        except CodecError as error:
            self._node.get_logger().error(str(error), throttle_duration_sec=1.0)
            return
        stamp_ns = stamp_to_ns(message.header.stamp)
        self._track.push(stamp_ns, positions)
        if self._track.is_spoilt(stamp_ns):
            # Zeros of a driver that lost its encoders, or a glitch: a held arm must not be led there.
            self._node.get_logger().error(self._track.problem, throttle_duration_sec=1.0)
            return
        age_ns = self._node.get_clock().now().nanoseconds - stamp_ns
        self._relay.measured(positions, age_ns, time.monotonic_ns())


def missing_driver(node: Node, arm: str, driver: Driver) -> list[str]:
    """One sentence per topic of a driver that nobody listens to, or where somebody takes another type.

    Args:
        node: Node that looks.
        arm: Name of the arm.
        driver: Its driver, as the rig file describes it.
    """
    found = []
    for topic, kind in zip(driver.topics, driver.types, strict=True):
        there = listeners(node, topic)
        wrong = [f"{name} takes {other}" for name, other in there.values() if other != kind]
        if wrong:
            found.append(f"{topic}: {', '.join(wrong)}, the rig file says {kind}; correct driver.type of '{arm}'")
        elif not there:
            found.append(f"nobody listens to {topic}; start the driver of '{arm}'")
    return found
