"""Official behaviour of message_filters that the stand-in follows."""

import pytest

message_filters = pytest.importorskip("message_filters")
pytest.importorskip("rclpy")

import rclpy  # noqa: E402
from rclpy.time import Time  # noqa: E402
from sensor_msgs.msg import JointState  # noqa: E402
from std_msgs.msg import String  # noqa: E402

MS = 1_000_000


def message(stamp_ns: int, name: str = "") -> JointState:
    msg = JointState(name=[name])
    msg.header.stamp = Time(nanoseconds=stamp_ns).to_msg()
    return msg


class Collector(list):
    def __call__(self, *messages: JointState) -> None:
        self.append(tuple(Time.from_msg(m.header.stamp).nanoseconds // MS for m in messages))


def synchronised(cls: type, inputs: int, *args: object) -> tuple[list, Collector]:
    filters = [message_filters.SimpleFilter() for _ in range(inputs)]
    synchroniser = cls(filters, *args)
    out = Collector()
    synchroniser.registerCallback(out)
    return filters, out


def test_equal_stamps_come_out_together_whatever_their_order_of_arrival() -> None:
    (a, b), out = synchronised(message_filters.TimeSynchronizer, 2, 5)
    for ms in (10, 20, 30):
        a.signalMessage(message(ms * MS))
    for ms in (20, 10, 15):
        b.signalMessage(message(ms * MS))
    assert out == [(20, 20), (10, 10)]


def test_a_full_queue_loses_its_oldest_message() -> None:
    (a, b), out = synchronised(message_filters.TimeSynchronizer, 2, 2)
    for ms in (10, 20, 30):
        a.signalMessage(message(ms * MS))
    b.signalMessage(message(10 * MS))
    assert out == []


def test_approximately_equal_stamps_match_the_nearest() -> None:
    (a, b, c), out = synchronised(message_filters.ApproximateTimeSynchronizer, 3, 10, 0.02)
    a.signalMessage(message(100 * MS))
    b.signalMessage(message(90 * MS))
    b.signalMessage(message(104 * MS))
    c.signalMessage(message(102 * MS))
    assert out == [(100, 104, 102)]


def test_stamps_further_apart_than_the_slop_never_match() -> None:
    (a, b), out = synchronised(message_filters.ApproximateTimeSynchronizer, 2, 10, 0.02)
    a.signalMessage(message(100 * MS))
    b.signalMessage(message(121 * MS))
    assert out == []


def test_messages_without_header_need_permission() -> None:
    (a, b), out = synchronised(message_filters.ApproximateTimeSynchronizer, 2, 10, 1.0)
    a.signalMessage(String())
    assert out == []
    filters = [message_filters.SimpleFilter() for _ in range(2)]
    synchroniser = message_filters.ApproximateTimeSynchronizer(filters, 10, 1.0, allow_headerless=True)
    got = []
    synchroniser.registerCallback(lambda *messages: got.append(messages))
    for f in filters:
        f.signalMessage(String(data="x"))
    assert len(got) == 1
    del b


def test_a_subscriber_hands_messages_of_its_topic_to_its_callbacks() -> None:
    context = rclpy.Context()
    rclpy.init(context=context, domain_id=61)
    try:
        node = rclpy.create_node("filters", context=context)
        executor = rclpy.executors.SingleThreadedExecutor(context=context)
        executor.add_node(node)
        subscriber = message_filters.Subscriber(node, JointState, "joints", qos_profile=5)
        assert subscriber.getTopic() == "joints"
        assert subscriber.topic_name == "/joints"
        got = []
        subscriber.registerCallback(lambda msg, tag: got.append((msg.name[0], tag)), "tag")
        publisher = node.create_publisher(JointState, "joints", 5)
        for _ in range(100):
            publisher.publish(message(1, "waist"))
            executor.spin_once(timeout_sec=0.1)
            if got:
                break
        assert got[0] == ("waist", "tag")
    finally:
        rclpy.shutdown(context=context)


@pytest.mark.skipif("underlay" not in message_filters.__file__, reason="the official package has these")
def test_what_only_the_official_package_has_is_refused_by_name() -> None:
    with pytest.raises(ImportError, match="ros-jazzy-message-filters"):
        _ = message_filters.Chain
