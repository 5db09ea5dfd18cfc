"""`ros2 bag` as a user types it."""

import itertools
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

rosbag2_py = pytest.importorskip("rosbag2_py")
rclpy = pytest.importorskip("rclpy")
pytest.importorskip("ros2cli.cli")

from rclpy.executors import SingleThreadedExecutor  # noqa: E402
from rclpy.qos import DurabilityPolicy, QoSProfile, qos_profile_sensor_data  # noqa: E402
from rclpy.serialization import serialize_message  # noqa: E402
from rosgraph_msgs.msg import Clock  # noqa: E402
from std_msgs.msg import String  # noqa: E402

DOMAIN = 64
START_NS = 1_700_000_000_000_000_000
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
ROS2 = [sys.executable, "-c", "import sys; from ros2cli.cli import main; sys.exit(main())", "bag"]
ENV = os.environ | {"ROS_DOMAIN_ID": str(DOMAIN)}
LATCHED_YAML = """
- {history: keep_last, depth: 1, reliability: reliable, durability: transient_local, deadline: {sec: 0, nsec: 0},
   lifespan: {sec: 0, nsec: 0}, liveliness: automatic, liveliness_lease_duration: {sec: 0, nsec: 0},
   avoid_ros_namespace_conventions: false}
"""


def ros2_bag(*words: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([*ROS2, *map(str, words)], env=ENV, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    """Ten words in 0.9 s, and one latched."""
    writer = rosbag2_py.SequentialWriter()
    writer.open(rosbag2_py.StorageOptions(str(tmp_path / "bag"), "mcap"), rosbag2_py.ConverterOptions("cdr", "cdr"))
    qos = rosbag2_py.to_rclcpp_qos_vector(LATCHED_YAML, 9)
    writer.create_topic(rosbag2_py.TopicMetadata(1, "/words", "std_msgs/msg/String", "cdr"))
    writer.create_topic(rosbag2_py.TopicMetadata(2, "/latched", "std_msgs/msg/String", "cdr", qos))
    writer.create_topic(rosbag2_py.TopicMetadata(3, "/strange", "nobody_msgs/msg/Strange", "cdr"))
    writer.write("/latched", serialize_message(String(data="still true")), START_NS)
    writer.write("/strange", b"\0\1\0\0", START_NS)
    for i in range(10):
        writer.write("/words", serialize_message(String(data=f"word {i}")), START_NS + i * 100_000_000)
    writer.close()
    return tmp_path / "bag"


class Listener:
    def __init__(self) -> None:
        self.context = rclpy.Context()
        rclpy.init(context=self.context, domain_id=DOMAIN)
        self.node = rclpy.create_node("listener", context=self.context)
        self.executor = SingleThreadedExecutor(context=self.context)
        self.executor.add_node(self.node)
        self.words: list[tuple[str, float]] = []
        self.latched: list[str] = []
        self.clocks: list[int] = []
        self.node.create_subscription(String, "/words", self._on_word, 50)
        self.node.create_subscription(String, "/latched", lambda m: self.latched.append(m.data), LATCHED)
        self.node.create_subscription(
            Clock, "/clock", lambda m: self.clocks.append(m.clock.sec), qos_profile_sensor_data
        )

    def _on_clock(self, message: Clock) -> None:
        self.clocks.append(message.clock.sec)

    def _on_word(self, message: String) -> None:
        self.words.append((message.data, time.monotonic()))

    def played_whole(self, first: str, last: str, *words: str) -> list[tuple[str, float]]:
        """What a looping player says from `first` to the next `last`, and when; the player is interrupted then.

        A player waits for nobody: what it says until it is discovered is lost.
        """
        player = subprocess.Popen([*ROS2, "play", *words, "--loop"], env=ENV)
        deadline = time.monotonic() + 30
        begun: int | None = None
        while time.monotonic() < deadline:
            self.executor.spin_once(timeout_sec=0.1)
            heard = [word for word, _ in self.words]
            begun = heard.index(first) if begun is None and first in heard else begun
            if begun is not None and last in heard[begun:]:
                break
        player.send_signal(signal.SIGINT)
        assert player.wait(10) == 0
        assert begun is not None and last in heard[begun:], f"heard only {heard}"
        return self.words[begun : begun + heard[begun:].index(last) + 1]


@pytest.fixture
def listener() -> Iterator[Listener]:
    made = Listener()
    yield made
    made.node.destroy_node()
    rclpy.shutdown(context=made.context)


def test_info_shows_counts_types_and_times(bag: Path) -> None:
    shown = ros2_bag("info", bag).stdout
    assert "Files:             bag_0.mcap\n" in shown
    assert "Duration:          0.900000000s\n" in shown
    assert "Messages:          12\n" in shown
    assert "Topic: /words | Type: std_msgs/msg/String | Count: 10 | Serialization Format: cdr\n" in shown
    assert sorted(ros2_bag("info", "-t", bag).stdout.splitlines()) == ["/latched", "/strange", "/words"]


def test_play_publishes_in_the_bags_rhythm_with_its_qos_and_clock(bag: Path, listener: Listener) -> None:
    played = listener.played_whole("word 0", "word 9", str(bag), "--rate", "2", "--clock", "50")
    assert [word for word, _ in played] == [f"word {i}" for i in range(10)]
    # A busy machine lets a player begin late, and the first words then come at once; the rhythm is that of the others.
    gaps_s = [after[1] - before[1] for before, after in itertools.pairwise(played)]
    assert statistics.median(gaps_s) == pytest.approx(0.05, abs=0.02)
    assert set(listener.latched) == {"still true"}
    assert set(listener.clocks) == {START_NS // 10**9}


def test_play_takes_chosen_topics_from_an_offset_on(bag: Path, listener: Listener) -> None:
    publishers: list[int] = []
    listener.node.create_timer(0.1, lambda: publishers.append(listener.node.count_publishers("/latched")))
    played = listener.played_whole("word 7", "word 9", str(bag), "--topics", "/words", "--start-offset", "0.65")
    assert {word for word, _ in [*played, *listener.words]} == {"word 7", "word 8", "word 9"}
    assert listener.latched == [] and set(publishers) == {0}


def test_play_ends_by_itself_and_names_what_it_cannot_play(bag: Path) -> None:
    begun = time.monotonic()
    player = ros2_bag("play", bag, "--rate", "20", "--delay", 1)
    assert player.returncode == 0 and time.monotonic() - begun > 1
    assert "topic '/strange'" in player.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_record_writes_what_is_published_until_interrupted(tmp_path: Path, listener: Listener, number: int) -> None:
    out = tmp_path / "out"
    recorder = subprocess.Popen(
        [*ROS2, "record", "-o", str(out), "/words", "/latched", "--custom-data", "by=me"], env=ENV
    )
    words = listener.node.create_publisher(String, "/words", 10)
    latched = listener.node.create_publisher(String, "/latched", LATCHED)
    latched.publish(String(data="said before"))
    deadline = time.monotonic() + 20
    while (words.get_subscription_count() < 2 or latched.get_subscription_count() < 2) and time.monotonic() < deadline:
        listener.executor.spin_once(timeout_sec=0.05)
    for i in range(20):
        words.publish(String(data=f"word {i}"))
    assert words.wait_for_all_acked()
    assert latched.wait_for_all_acked()
    recorder.send_signal(number)
    assert recorder.wait(10) == 0
    metadata = rosbag2_py.Info().read_metadata(str(out), "mcap")
    counts = {info.topic_metadata.name: info.message_count for info in metadata.topics_with_message_count}
    assert counts["/latched"] == 1
    assert 1 <= counts["/words"] <= 20
    assert metadata.custom_data == {"by": "me"}


def test_mistakes_are_explained(tmp_path: Path) -> None:
    missing = ros2_bag("info", tmp_path / "nothing")
    assert missing.returncode == 2
    assert f"Bag path '{tmp_path / 'nothing'}' does not exist!" in missing.stderr
    assert "Traceback" not in missing.stderr
    nothing = ros2_bag("record")
    assert nothing.returncode == 1
    assert "[ERROR] [ros2bag]: Need to specify" in nothing.stderr
    assert ros2_bag("play", tmp_path, "--rate", "0").returncode == 2
    assert ros2_bag("no_such_verb", tmp_path).returncode == 2


def test_reindex_makes_lost_metadata_anew(bag: Path) -> None:
    (bag / "metadata.yaml").unlink()
    assert ros2_bag("reindex", bag).returncode == 0
    assert "Messages:          12\n" in ros2_bag("info", bag).stdout


def test_a_signal_ends_a_command_quietly_at_whatever_moment_it_comes_and_errors_stay_errors() -> None:
    pytest.importorskip("ros2cli.topic_hz", reason="the official commands have no such helper")
    from ros2cli.node import until_interrupted

    rclpy.init()
    executor = SingleThreadedExecutor()
    with until_interrupted():
        rclpy.shutdown()  # as the handler of a signal does in another thread
        executor.spin()
    with until_interrupted():
        raise RuntimeError("failed to initialize wait set")  # what rclpy says where it had looked before
    rclpy.init()
    with pytest.raises(RuntimeError, match="no room"), until_interrupted():
        raise RuntimeError("no room")
    rclpy.shutdown()
