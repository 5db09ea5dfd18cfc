"""What a live node takes in: message filters into the buffers of an assembler."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fake_node import FakeNode
from raw_rig import write_raw_rig
from sensor_msgs.msg import Image

from aloe_data.observation import Observation
from aloe_data.rig import Rig
from aloe_data.rig_file import load_rig
from aloe_data.ros.convert import image_to_message, joint_state_to_message
from aloe_data.ros.live_streams import LiveStreams

MS = 1_000_000
RAW_TOPIC = "/cameras/head/image_raw"


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    """One raw camera and one arm."""
    rig = load_rig(write_raw_rig(tmp_path))
    return replace(rig, cameras=rig.cameras[:1], arms=rig.arms[:1])


class Live:
    """A node's streams, and how often it was told of something new."""

    def __init__(self, rig: Rig) -> None:
        self.node = FakeNode()
        self.news = 0
        self.streams = LiveStreams(self.node, rig, self._count, lambda: None)  # type: ignore[arg-type]

    def _count(self) -> None:
        self.news += 1

    @property
    def problems(self) -> str:
        return self.streams.problems(self.streams.assembler.stale(1000 * MS))


def grey(rig: Rig, level: int, stamp_ms: int) -> Image:
    camera = rig.cameras[0]
    image = image_to_message(np.full((camera.height, camera.width, 3), level, np.uint8), stamp_ms * MS, "")
    assert isinstance(image, Image)
    return image


def test_samples_that_come_in_any_order_are_looked_up_by_their_stamps(rig: Rig) -> None:
    live = Live(rig)
    arm = rig.arms[0]
    for stamp_ms in (900, 933, 866, 966):  # the third came late: it is older than what was seen
        live.node.hear(RAW_TOPIC, grey(rig, stamp_ms // 10, stamp_ms))
    live.node.hear(arm.joint_state_topic, joint_state_to_message(arm, arm.home, 950 * MS))
    observation = live.streams.assembler.assemble(1000 * MS, "sort")
    assert isinstance(observation, Observation)
    assert observation.stamps == {"head": 933 * MS, arm.name: 950 * MS}
    assert (observation.images["head"] == 93).all()
    assert live.news == 5


def test_an_image_that_cannot_be_converted_is_no_news_and_is_named_until_a_good_one_comes(rig: Rig) -> None:
    live = Live(rig)
    depth = grey(rig, 9, 900)
    depth.encoding = "16UC1"
    live.node.hear(RAW_TOPIC, depth)
    assert live.news == 0
    assert f"camera head ({RAW_TOPIC}): encoding '16UC1' is a depth image" in live.problems
    live.node.hear(RAW_TOPIC, grey(rig, 9, 990))
    assert live.news == 1 and "head" not in live.problems


def test_a_camera_of_the_other_transport_is_told_from_one_that_is_silent(rig: Rig) -> None:
    live = Live(rig)
    assert f"head ({RAW_TOPIC}): nothing received; start its driver" in live.problems
    live.node.publishers[f"{RAW_TOPIC}/compressed"] = ("driver", "sensor_msgs/msg/CompressedImage")
    assert f"nobody publishes {RAW_TOPIC} (the rig file says 'transport: raw'), but driver" in live.problems
    live.node.publishers[RAW_TOPIC] = ("driver", "sensor_msgs/msg/CompressedImage")
    assert f"driver publishes sensor_msgs/msg/CompressedImage on {RAW_TOPIC}" in live.problems
