"""Subscriptions that hand over serialised messages, whatever reliability their publishers offer."""

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import partial

from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.exceptions import InvalidHandle
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.subscription import Subscription
from rosidl_runtime_py.utilities import get_message

from aloe_data.recording import RecordedTopic

# in turns; awake long enough for the rest of a look, timers and services
_REST_S = 0.03
_AWAKE_S = 0.005
_DEPTH = 200  # messages per topic that may wait while a bag is opened or closed: 2 s and more of every stream


class RawSubscriptions:
    """One subscription per topic: reliable, and latched where the topic is, until a publisher offers less.

    Args:
        node: the node that subscribes.
        topics: what to subscribe to.
        on_message: called with the topic, the serialised message, and when the middleware received it [ns].
        on_missing: called with the topic and the number of messages that the middleware lost.
    """

    def __init__(
        self,
        node: Node,
        topics: Iterable[RecordedTopic],
        on_message: Callable[[RecordedTopic, bytes, int], None],
        on_missing: Callable[[RecordedTopic, int], None],
    ) -> None:
        self._node = node
        self._on_message = on_message
        self._on_missing = on_missing
        self._refused: set[RecordedTopic] = set()
        self._rested_s = 0.0
        self._subscriptions = {topic: self._subscribe(topic, topic.latched, True) for topic in topics}

    def adapt(self) -> None:
        """Subscribe anew where a publisher offers less than was asked for; to be called now and then."""
        while self._refused:
            topic = self._refused.pop()
            offers = [info.qos_profile for info in self._node.get_publishers_info_by_topic(topic.source)]
            reliable = all(qos.reliability == ReliabilityPolicy.RELIABLE for qos in offers)
            latched = topic.latched and all(qos.durability == DurabilityPolicy.TRANSIENT_LOCAL for qos in offers)
            kind = f"{'reliable' if reliable else 'best effort'}, {'latched' if latched else 'volatile'}"
            self._node.get_logger().info(f"{topic.source}: subscribing as {kind}, as its publishers offer")
            self._node.destroy_subscription(self._subscriptions[topic])
            self._subscriptions[topic] = self._subscribe(topic, latched, reliable)

    def take_waiting(self) -> None:
        """Hand over what has arrived and whose turn in the executor has not come yet."""
        for topic, subscription in self._subscriptions.items():
            with suppress(InvalidHandle), subscription.handle:  # the node may be ending in another thread
                for _ in range(_DEPTH):  # what comes meanwhile may wait for its turn
                    if (taken := subscription.handle.take_message(subscription.msg_type, True)) is None:
                        break
                    self._on_message(topic, taken[0], taken[1]["received_timestamp"])

    def _take(self, topic: RecordedTopic, data: bytes, info: Mapping[str, int]) -> None:
        """Hand over a message, rest, and hand over all that came meanwhile.

        Whatever it finds, one look of rclpy at all that may be waiting costs 1 ms and takes one message per topic. On a
        busy machine that falls behind, until the middleware's queues overflow.
        """
        self._on_message(topic, data, info["received_timestamp"])
        if time.monotonic() - self._rested_s > _AWAKE_S:
            time.sleep(_REST_S)
            self.take_waiting()
            self._rested_s = time.monotonic()

    def _subscribe(self, topic: RecordedTopic, latched: bool, reliable: bool) -> Subscription:
        qos = QoSProfile(
            depth=_DEPTH,
            reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
            durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
        )
        events = SubscriptionEventCallbacks(
            message_lost=lambda info: self._on_missing(topic, info.total_count_change),
            incompatible_qos=lambda _: self._refused.add(topic),
            use_default_callbacks=False,
        )
        kind = get_message(topic.type)
        take = partial(self._take, topic)
        return self._node.create_subscription(kind, topic.source, take, qos, raw=True, event_callbacks=events)
