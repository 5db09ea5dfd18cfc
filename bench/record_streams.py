"""The process beside `bench/record.py` that publishes all streams of a rig, until it is ended."""

import itertools
import signal
import sys
from pathlib import Path

import cv2
import numpy as np
import rclpy
from aloe_msgs.msg import ArmAction, ArmCommand, ExecutedAction
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.serialization import serialize_message
from sensor_msgs.msg import Image

from aloe_data.rig import Arm
from aloe_data.rig_file import load_rig
from aloe_data.ros.convert import compressed_to_message, joint_state_to_message, ns_to_stamp
from aloe_data.vocabulary import NS

STAMPS = slice(4, 12)  # where a serialised message with a header has its stamp


class Streams(Node):
    """All streams of a rig, serialised beforehand; stamps rise by whole periods."""

    def __init__(self, rig_file: Path) -> None:
        super().__init__("streams")
        rig = load_rig(rig_file)
        noise = cv2.blur(np.random.default_rng(0).integers(0, 255, (480, 640, 3), np.uint8), (3, 3))
        jpeg = cv2.imencode(".jpg", noise, [cv2.IMWRITE_JPEG_QUALITY, 20])[1].tobytes()
        image = Image(width=640, height=480, encoding="rgb8", step=1920, data=noise.tobytes())
        for camera in rig.cameras:
            compressed = not camera.is_raw
            message = compressed_to_message(jpeg, 0, "") if compressed else image
            self._publish(type(message), camera.topic, message, camera.rate_hz)
        for arm in rig.arms:
            self._publish_joints(arm)
        arms = [ArmAction(arm=a.name, requested=a.home, executed=a.home) for a in rig.arms]
        self._publish(ExecutedAction, "/executed_action", ExecutedAction(arms=arms), rig.rate_hz)

    def _publish_joints(self, arm: Arm) -> None:
        message = joint_state_to_message(arm, arm.home, 0)
        self._publish(type(message), arm.joint_state_topic, message, arm.rate_hz)
        command = ArmCommand(arm=arm.name, positions=arm.home)
        self._publish(ArmCommand, arm.command_topic, command, arm.rate_hz)

    def _publish(self, kind: type, topic: str, message: object, rate_hz: float) -> None:
        publisher = self.create_publisher(kind, topic, QoSProfile(depth=20))
        data = bytearray(serialize_message(message))
        period_ns = round(NS / rate_hz)
        stamps_ns = itertools.count(period_ns, period_ns)

        def publish() -> None:
            stamp = ns_to_stamp(next(stamps_ns))
            data[STAMPS] = stamp.sec.to_bytes(4, "little") + stamp.nanosec.to_bytes(4, "little")
            publisher.publish(bytes(data))

        self.create_timer(1.0 / rate_hz, publish)


def main() -> None:
    """Publish the streams of the rig file that the first argument names."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    rclpy.init()
    rclpy.spin(Streams(Path(sys.argv[1])))


if __name__ == "__main__":
    main()
