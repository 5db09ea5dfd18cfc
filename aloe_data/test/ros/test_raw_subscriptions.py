"""What waits in the middleware while a recorder comes late, over real DDS."""

from collections.abc import Iterator

import pytest
import rclpy
from aloe_msgs.msg import ExecutedAction
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node

from aloe_data.recording import RecordedTopic
from aloe_data.ros.raw_subscriptions import RawSubscriptions
from aloe_data.serialized import leading_sequence

DOMAIN = 78
WAITING = 150
TOPICS = [RecordedTopic(name, "aloe_msgs/msg/ExecutedAction", sequenced=True) for name in ("/a", "/b", "/c")]


@pytest.fixture
def node() -> Iterator[Node]:
    context = rclpy.Context()
    rclpy.init(context=context, domain_id=DOMAIN)
    node = rclpy.create_node("late", context=context)
    yield node
    node.destroy_node()
    rclpy.shutdown(context=context)


def test_whoever_looks_rarely_still_takes_all_that_waits_in_order(node: Node) -> None:
    taken: dict[str, list[int]] = {topic.name: [] for topic in TOPICS}
    RawSubscriptions(
        node, TOPICS, lambda topic, data, _: taken[topic.name].append(leading_sequence(data)), lambda *_: None
    )
    publishers = [node.create_publisher(ExecutedAction, topic.name, 2 * WAITING) for topic in TOPICS]
    executor = SingleThreadedExecutor(context=node.context)
    executor.add_node(node)
    while not all(publisher.get_subscription_count() for publisher in publishers):
        executor.spin_once(timeout_sec=0.1)
    for tick in range(WAITING):
        for publisher in publishers:
            publisher.publish(ExecutedAction(tick=tick))
    assert all(publisher.wait_for_all_acked() for publisher in publishers)
    for _ in range(3 * len(TOPICS)):  # far fewer than messages
        executor.spin_once(timeout_sec=0.1)
    assert taken == {topic.name: list(range(WAITING)) for topic in TOPICS}


def test_a_node_that_is_ending_takes_nothing_more(node: Node) -> None:
    raw = RawSubscriptions(node, TOPICS, lambda *_: pytest.fail("a message of nobody"), lambda *_: None)
    node.destroy_node()
    raw.take_waiting()
