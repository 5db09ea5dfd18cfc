"""A camera that publishes raw images instead of compressed ones, or the reverse, is named with what to write."""

from dataclasses import replace
from pathlib import Path

import pytest

from aloe_data.camera_transport import Publisher, neighbour_topic, wrong_transport
from aloe_data.rig import IMAGE_TYPES
from aloe_data.rig_file import load_rig

RIG = load_rig(Path(__file__).parents[2] / "config" / "rig_sim.yaml")
COMPRESSED = RIG.camera("head")
RAW = replace(COMPRESSED, topic="/cameras/head/image_raw", transport="raw")
CASES = {
    "on the same topic": (COMPRESSED, COMPRESSED.topic, "raw", f"'topic: {COMPRESSED.topic}' and 'transport: raw'"),
    "on the raw topic": (COMPRESSED, RAW.topic, "raw", f"write 'topic: {RAW.topic}' and 'transport: raw'"),
    "compressed": (RAW, COMPRESSED.topic, "compressed", f"'topic: {COMPRESSED.topic}' and 'transport: compressed'"),
}


@pytest.mark.parametrize("case", CASES)
def test_the_remedy_is_what_the_rig_file_should_say(case: str) -> None:
    camera, topic, transport, remedy = CASES[case]
    publishers = {camera.topic: [], neighbour_topic(camera): []}
    publishers[topic] = [Publisher("driver", IMAGE_TYPES[transport])]
    problem = wrong_transport(camera, publishers.__getitem__)
    assert problem is not None
    assert "driver" in problem.what and f"'transport: {camera.transport}'" in problem.what and remedy in problem.remedy


@pytest.mark.parametrize("camera", [COMPRESSED, RAW])
def test_a_camera_that_publishes_both_is_right(camera: object) -> None:
    both = {t.topic: [Publisher("driver", t.message_type)] for t in (COMPRESSED, RAW)}
    assert wrong_transport(camera, both.__getitem__) is None
    assert wrong_transport(camera, lambda _: []) is None, "silence is another matter"


def test_what_is_no_image_is_named_as_such() -> None:
    publishers = {COMPRESSED.topic: [Publisher("tf", "std_msgs/msg/String")], RAW.topic: []}
    assert "that is no image; name the topic of a camera" in str(wrong_transport(COMPRESSED, publishers.__getitem__))
