"""These tests need ROS; without it they are not collected."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

collect_ignore_glob = [] if find_spec("rclpy") and find_spec("aloe_msgs") else ["test_*.py"]


class Peer:
    """The test's own node, spinning in the background, and the node under test as a process."""

    def __init__(self, domain: int) -> None:
        import rclpy
        from rclpy.executors import SingleThreadedExecutor

        self.domain = domain
        self.context = rclpy.Context()
        rclpy.init(context=self.context, domain_id=domain)
        self.node = rclpy.create_node("peer", context=self.context)
        self.executor = SingleThreadedExecutor(context=self.context)
        self.executor.add_node(self.node)
        self.processes: list[subprocess.Popen[str]] = []
        threading.Thread(target=self._spin, daemon=True).start()

    def _spin(self) -> None:
        from rclpy.executors import ExternalShutdownException

        with contextlib.suppress(ExternalShutdownException):
            self.executor.spin()

    def start(self, module: str, **parameters: object) -> "subprocess.Popen[str]":
        """Start a node's process with parameters."""
        arguments = [word for key, value in parameters.items() for word in ("-p", f"{key}:={value}")]
        process = subprocess.Popen(
            [sys.executable, "-c", f"from {module} import main; main()", "--ros-args", *arguments],
            env=os.environ | {"ROS_DOMAIN_ID": str(self.domain)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.processes.append(process)
        return process

    def collect(self, kind: type, topic: str, qos: Any = 50) -> list[Any]:
        """All messages of a topic from here on."""
        messages: list[Any] = []
        self.node.create_subscription(kind, topic, messages.append, qos)
        return messages

    def call(self, kind: type, name: str, timeout_s: float = 15.0, **fields: object) -> Any:
        """Call a service and wait for its answer."""
        request = kind.Request(**fields)
        if hasattr(request, "seal"):
            self._seal(name, request)
        client = self.node.create_client(kind, name)
        assert client.wait_for_service(timeout_s), f"no service {name}"
        future = client.call_async(request)
        assert until(future.done, timeout_s), f"no answer from {name}"
        return future.result()

    def _seal(self, name: str, request: Any) -> None:
        from aloe_data.ros.sealing import MessageSealer
        from aloe_data.session import open_session

        MessageSealer(open_session(), "peer").seal(name, request)

    def close(self) -> None:
        import rclpy

        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
        self.executor.shutdown(1.0)
        self.node.destroy_node()
        rclpy.shutdown(context=self.context)


def until(condition: Callable[[], object], timeout_s: float = 15.0) -> bool:
    """Wait for a condition; whether it came true."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


@pytest.fixture
def peer(request: pytest.FixtureRequest) -> Iterator[Peer]:
    """A peer in the domain that the test module names in DOMAIN."""
    made = Peer(request.module.DOMAIN)
    yield made
    made.close()


@pytest.fixture
def rig_file() -> Path:
    """The simulated rig."""
    return Path(__file__).parents[3] / "config" / "rig_sim.yaml"


@pytest.fixture(name="until")
def until_fixture() -> Callable[..., bool]:
    """The function `until`."""
    return until


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Writes rows of (time of reception [ms], topic, message) into a bag."""
    from rclpy.serialization import serialize_message

    from aloe_data.bag_file import BagWriter
    from aloe_data.recording import RecordedTopic
    from aloe_data.ros.bag_writer import bag_topic

    def write_bag(rows: list[tuple[int, str, Any]], name: str = "ep_0004") -> Path:
        types = {topic: type(message) for _, topic, message in rows}
        packages = {topic: kind.__module__.partition(".")[0] for topic, kind in types.items()}
        topics = [
            bag_topic(RecordedTopic(topic, f"{packages[topic]}/msg/{kind.__name__}"), None)
            for topic, kind in types.items()
        ]
        writer = BagWriter(tmp_path / name, topics, {})
        for stamp_ms, topic, message in rows:
            writer.write(topic, serialize_message(message), stamp_ms * 1_000_000)
        writer.close()
        return tmp_path / name

    return write_bag
