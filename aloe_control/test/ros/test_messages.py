"""Messages of control ticks."""

import numpy as np
from rclpy.serialization import serialize_message
from sensor_msgs.msg import CompressedImage, Image

from aloe_control.authority import Authority
from aloe_control.ros.messages import executed_action_message, header_stamp_ns
from aloe_control.tick import ArmTick, TickResult


def test_the_stamp_of_an_image_is_read_without_deserialising_it():
    for message in (CompressedImage(format="jpeg", data=b"123"), Image(width=3, height=2)):
        message.header.stamp.sec, message.header.stamp.nanosec = 1_700_000_000, 123_456_789
        message.header.frame_id = "head"
        assert header_stamp_ns(serialize_message(message)) == 1_700_000_000_123_456_789


def test_big_endian_messages_are_read_too():
    assert header_stamp_ns(bytes([0, 0, 0, 0]) + (5).to_bytes(4, "big") + (7).to_bytes(4, "big")) == 5_000_000_007


def test_an_executed_action_tells_request_command_and_reason():
    arm = ArmTick("left_arm", Authority.POLICY, np.array([1.0, 0.1]), np.array([0.5, 0.1]), "velocity,jerk")
    message = executed_action_message(TickResult(7, 2_000_000_001, True, "", 3, 4, "v", (arm,), {}), 0.001)
    assert (message.tick, message.chunk_id, message.step, message.armed) == (7, 3, 4, True)
    assert (message.header.stamp.sec, message.header.stamp.nanosec) == (2, 1)
    assert list(message.arms[0].executed) == [0.5, 0.1] and message.arms[0].source == 1
    assert message.arms[0].clip_reason == "velocity,jerk"
