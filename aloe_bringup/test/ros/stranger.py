"""Somebody on the network who belongs to no launch: looks at the graph, speaks on all of it, and tells what came of it.

Run as a process: `python stranger.py SECONDS`; the last line that it prints is JSON.
"""

import json
import sys
import time
from functools import partial
from importlib import import_module
from typing import Any

import rclpy
from aloe_msgs.msg import ArmCommand, InterventionRequest, TeleopCommand
from aloe_msgs.srv import EnableMotion, LoadPolicy, StartEpisode
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import SetParameters
from rclpy.qos import QoSProfile, qos_profile_sensor_data
from sensor_msgs.msg import JointState

PERIOD_S = 0.02
NOT_OURS = ("/rosout", "/parameter_events")  # every node has them
ASKED = {"/control/arm": EnableMotion, "/episode/start": StartEpisode, "/policy/load": LoadPolicy}
MOVING = (InterventionRequest.TAKE, InterventionRequest.RESET, InterventionRequest.READY)


def class_of(name: str) -> Any:
    """The class of a type such as 'std_msgs/msg/String'."""
    package, kind, message = name.split("/")
    return getattr(import_module(f"{package}.{kind}"), message)


class Stranger:
    """Publishes on every topic that it finds, 50 times a second, and calls the services that start something."""

    def __init__(self) -> None:
        rclpy.init()
        self.node = rclpy.create_node("stranger")
        self.began: float | None = None
        self.answers: dict[str, str] = {}
        self.first: dict[str, float] = {}
        self.moved = 0.0
        self._publishers: dict[str, Any] = {}
        self._clients: dict[str, Any] = {}
        self._number = 0
        self.node.create_timer(PERIOD_S, self._speak)

    @property
    def topics(self) -> list[str]:
        """Topics that others have."""
        return [name for name, _ in self.node.get_topic_names_and_types() if name not in NOT_OURS]

    def _speak(self) -> None:
        self._look()
        self._number += 1
        for topic, publisher in self._publishers.items():
            message = self._message(topic, publisher.msg_type)
            if publisher.get_subscription_count():
                self.began = self.began or time.time()
                publisher.publish(message)

    def _look(self) -> None:
        for topic, types in self.node.get_topic_names_and_types():
            if topic in self._publishers or topic in NOT_OURS or "/_action/" in topic:
                continue
            kind = class_of(types[0])
            self._publishers[topic] = self.node.create_publisher(kind, topic, QoSProfile(depth=10))
            if kind is JointState:
                hear = partial(self._on_joints, topic)
                self.node.create_subscription(JointState, topic, hear, qos_profile_sensor_data)
        for name, types in self.node.get_service_names_and_types():
            if name in self._clients or name.startswith("/stranger/"):
                continue
            if name in ASKED or (name.endswith("/set_parameters") and types[0].endswith("SetParameters")):
                self._clients[name] = self.node.create_client(ASKED.get(name, SetParameters), name)
        for name, client in self._clients.items():
            if name not in self.answers and client.service_is_ready():
                self.answers[name] = "asked"
                client.call_async(self._request(name)).add_done_callback(lambda future, n=name: self._hear(n, future))

    def _message(self, topic: str, kind: Any) -> Any:
        message = kind()
        if hasattr(message, "header"):
            message.header.stamp = self.node.get_clock().now().to_msg()
        if kind is ArmCommand:
            message.arm = topic.split("/")[1]
            message.positions = [0.8] * 7
        elif kind is TeleopCommand:
            message.arm = topic.split("/")[2]
            message.operator_id = "stranger"
            message.deadman = True
            message.sequence = self._number
            message.data = [0.8] * 7
        elif kind is InterventionRequest:
            message.request = MOVING[self._number % len(MOVING)]
            message.operator_id = message.device = "stranger"
        return message

    def _request(self, name: str) -> Any:
        if name not in ASKED:
            value = ParameterValue(type=ParameterType.PARAMETER_BOOL, bool_value=True)
            return SetParameters.Request(parameters=[Parameter(name="use_sim_time", value=value)])
        request = ASKED[name].Request(stamp=self.node.get_clock().now().to_msg())
        if name == "/control/arm":
            request.enable = True
        return request

    def _hear(self, name: str, future: Any) -> None:
        result = future.result()
        done = result.success if name in ASKED else result.results[0].successful
        self.answers[name] = "done" if done else "refused"

    def _on_joints(self, topic: str, message: JointState) -> None:
        for name, position in zip(message.name, message.position, strict=False):
            first = self.first.setdefault(f"{topic} {name}", position)
            self.moved = max(self.moved, abs(position - first))

    def report(self) -> str:
        """What it found and did, as JSON."""
        listened = [topic for topic, publisher in self._publishers.items() if publisher.get_subscription_count()]
        found = {"topics": self.topics, "spoke_on": listened, "began": self.began, "answers": self.answers}
        return json.dumps(found | {"joints": len(self.first), "moved": self.moved})


def main() -> None:
    stranger = Stranger()
    end_s = time.monotonic() + float(sys.argv[1])
    while time.monotonic() < end_s:
        rclpy.spin_once(stranger.node, timeout_sec=0.1)
    print(stranger.report(), flush=True)


if __name__ == "__main__":
    main()
