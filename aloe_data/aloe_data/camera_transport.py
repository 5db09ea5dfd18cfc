"""A camera whose images come by the other transport, raw instead of compressed or the reverse: which, and what to do.

Raw and compressed images are different types of messages. A subscription for one of them hears nothing of the other,
on the same topic or on its neighbour, so that only the graph tells why a camera is silent.

Source: image_transport publishes raw images on TOPIC and compressed ones on TOPIC/compressed.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from aloe_data.rig import IMAGE_TYPES, Camera

COMPRESSED_SUFFIX = "/compressed"


class Publisher(NamedTuple):
    """Who publishes on a topic: name of the node, and type of its messages."""

    node: str
    type: str


class WrongTransport(NamedTuple):
    """A camera whose images come by another transport than the rig file says: what is so, and what to do."""

    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.what}; {self.remedy}"


def neighbour_topic(camera: Camera) -> str:
    """Where image_transport publishes the same camera by the other transport."""
    if camera.topic.endswith(COMPRESSED_SUFFIX):
        return camera.topic.removesuffix(COMPRESSED_SUFFIX)
    return f"{camera.topic}{COMPRESSED_SUFFIX}"


def wrong_transport(camera: Camera, publishers_of: Callable[[str], Iterable[Publisher]]) -> WrongTransport | None:
    """Whether somebody publishes a camera's images by another transport than its rig file says.

    Args:
        camera: Camera that the rig file describes.
        publishers_of: Function that returns the publishers of a topic: the camera's, and where it has none
            `neighbour_topic`.
    """
    own = tuple(publishers_of(camera.topic))
    said = f"the rig file says 'transport: {camera.transport}'"
    for publisher in own:
        if publisher.type != camera.message_type:
            what = f"camera {camera.name}: {publisher.node} publishes {publisher.type} on {camera.topic}, {said}"
            return WrongTransport(what, _remedy(publisher.type, camera.topic))
    if own:
        return None
    topic = neighbour_topic(camera)
    for publisher in publishers_of(topic):
        if publisher.type in IMAGE_TYPES.values() and publisher.type != camera.message_type:
            what = f"camera {camera.name}: nobody publishes {camera.topic} ({said}), but {publisher.node} {topic}"
            return WrongTransport(what, _remedy(publisher.type, topic))
    return None


def _remedy(message_type: str, topic: str) -> str:
    for transport, its_type in IMAGE_TYPES.items():
        if message_type == its_type:
            return f"write 'topic: {topic}' and 'transport: {transport}' for this camera, or change its driver"
    return "that is no image; name the topic of a camera"
