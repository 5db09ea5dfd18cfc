"""The doctor's ears, with publishers over real DDS."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rclpy
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import CompressedImage, JointState

from aloe_data.codecs import encode_jpeg
from aloe_data.recording import recorded_topics
from aloe_data.rig_file import load_rig
from aloe_data.rig_streams import streams_of
from aloe_data.ros import stream_probe
from aloe_data.ros.convert import joint_state_to_message

DOMAIN = 67


def test_publishers_messages_and_faults_of_the_streams_are_measured(
    peer: Any, until: Callable[..., bool], rig_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig, node = load_rig(rig_file), peer.node
    streams = [s for s in streams_of(rig) if s.name in ("camera head", "left_arm")]
    cameras = node.create_publisher(CompressedImage, rig.cameras[0].topic, 10)
    joints = node.create_publisher(JointState, rig.arms[0].joint_state_topic, qos_profile_sensor_data)
    listener = rclpy.create_node("doctor", context=peer.context)
    probe = stream_probe.Probe(listener, rig, streams, recorded_topics(rig, use_sim_time=False))
    assert until(lambda: cameras.get_subscription_count() and joints.get_subscription_count(), 30.0)
    jpeg = encode_jpeg(np.zeros((8, 8, 3), np.uint8))

    def publish() -> None:
        now_ns = node.get_clock().now().nanoseconds
        joints.publish(joint_state_to_message(rig.arms[0], rig.arms[0].home, now_ns - 200_000_000))
        message = CompressedImage(format="jpeg", data=jpeg)
        message.header.stamp = node.get_clock().now().to_msg()
        cameras.publish(message)

    node.create_timer(0.02, publish)
    monkeypatch.setattr(stream_probe, "_DISCOVERY_S", 30.0)
    probe.run(0.5)
    probe.close()
    arm, head = probe.measured[rig.arms[0].joint_state_topic], probe.measured[rig.cameras[0].topic]
    assert [(p.node, p.type, p.reliable) for p in arm.publishers] == [("peer", "sensor_msgs/msg/JointState", False)]
    assert not arm.subscriptions, "but its own"
    assert len(arm.stamps_ns) == len(arm.sizes) and arm.fault == ""
    assert np.median(np.subtract(arm.arrivals_ns, arm.stamps_ns)) >= 200_000_000
    np.testing.assert_allclose(probe.joints["left_arm"][0], rig.arms[0].home)
    assert len(set(head.contents)) == 1, "the same image under new stamps"
    assert "image is 8x8" in head.fault
