"""The state of the rig, kept from messages for the devices of a node."""

from collections import Counter
from collections.abc import Iterable
from functools import partial

from aloe_msgs.msg import ActionChunk, EpisodeState, Intervention, TaskState
from rclpy.node import Node
from sensor_msgs.msg import JointState

from aloe_data.chunk import Chunk
from aloe_data.codecs import CodecError, is_foreign
from aloe_data.rig import Arm, Rig
from aloe_data.ros.convert import chunk_from_message, joint_positions, stamp_to_ns
from aloe_data.ros.qos import LATCHED, SENSOR
from aloe_data.vocabulary import Authority
from aloe_teleop.device import ArmView, Inputs, JointReading, TaskView, View


class RigState:
    """Subscribes to what the devices need to know of the rig.

    Args:
        node: Node that subscribes.
        rig: Rig whose arms are seen.
        operator: Name of the person at the devices.
        sender: Node and incarnation that seals the operator's messages.
        wanted: Inputs of each device.

    Attributes:
        newest_episode_id: Name of the running episode, else of the last one; "": none yet.
    """

    def __init__(self, node: Node, rig: Rig, operator: str, sender: str, wanted: Iterable[Inputs]) -> None:
        self._node = node
        self._operator = operator
        self._sender = sender
        self.newest_episode_id = ""
        self._intervention = Intervention()
        self._episode_id = ""
        self._arms: dict[str, ArmView] = {}
        self._joints: dict[str, JointReading] = {}
        self._streams: dict[str, JointReading] = {}
        self._crowded: dict[str, str] = {}
        self._task: TaskView | None = None
        self._expert: Chunk | None = None
        node.create_subscription(Intervention, "/intervention", self._on_intervention, LATCHED)
        node.create_subscription(EpisodeState, "/episode/state", self._on_episode_state, LATCHED)
        for arm in rig.arms:
            take = partial(self._on_joint_state, self._joints, arm.name, arm)
            node.create_subscription(JointState, arm.joint_state_topic, take, SENSOR)
        wanted = tuple(wanted)
        sharers = Counter(arm.joint_state_topic for inputs in wanted for arm in inputs.joint_states.values())
        for inputs in wanted:
            for name, arm in inputs.joint_states.items():
                publishers = inputs.publishers.get(name, sharers[arm.joint_state_topic])
                take = partial(self._on_leader, publishers, name, arm)
                node.create_subscription(JointState, arm.joint_state_topic, take, SENSOR)
        if any(inputs.task for inputs in wanted):
            node.create_subscription(TaskState, "/sim/task_state", self._on_task_state, 10)
            node.create_subscription(ActionChunk, "/sim/expert_chunk", self._on_expert_chunk, 10)

    def view(self) -> View:
        """What is known now."""
        return View(
            operator=self._operator,
            armed=self._intervention.armed,
            estop=self._intervention.estop,
            fault=self._intervention.fault,
            arms=self._arms,
            joints=self._joints,
            streams=self._streams,
            crowded=self._crowded,
            episode_id=self._episode_id,
            task=self._task,
            expert=self._expert,
            sender=self._sender,
        )

    def _on_leader(self, publishers: int, name: str, arm: Arm, message: JointState) -> None:
        """Joint states carry no seal, and move an arm: whose they are must be beyond doubt."""
        count = self._node.count_publishers(arm.joint_state_topic)
        if count > publishers:
            self._crowded[name] = f"{count} nodes publish it instead of {publishers}; stop the others (`publishers`)"
            return
        self._crowded.pop(name, None)
        self._on_joint_state(self._streams, name, arm, message)

    def _on_joint_state(self, into: dict[str, JointReading], name: str, arm: Arm, message: JointState) -> None:
        if name in into and is_foreign(message.name, arm):
            return  # another device's on the same topic; before the arm was heard it tells what is wrong
        into[name] = JointReading(*joint_positions(message))

    def _on_intervention(self, message: Intervention) -> None:
        self._intervention = message
        senders = [*message.senders, *[""] * len(message.arms)]  # a control_node of before names none
        self._arms = {
            arm.arm: ArmView(Authority(arm.authority), arm.operator_id, stamp_to_ns(arm.since), arm.reason, sender)
            for arm, sender in zip(message.arms, senders, strict=False)
        }

    def _on_episode_state(self, message: EpisodeState) -> None:
        self.newest_episode_id = message.episode_id
        self._episode_id = "" if message.state == EpisodeState.IDLE else message.episode_id

    def _on_task_state(self, message: TaskState) -> None:
        self._task = TaskView(
            stamp_ns=stamp_to_ns(message.header.stamp),
            task=message.task,
            progress=message.progress,
            success=message.success,
            failure=message.failure,
            trouble=message.trouble,
            arms=tuple(message.arms),
        )

    def _on_expert_chunk(self, message: ActionChunk) -> None:
        try:
            self._expert = chunk_from_message(message)
        except CodecError as error:
            self._node.get_logger().warning(str(error), throttle_duration_sec=1.0)
