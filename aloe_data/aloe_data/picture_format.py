"""The field `format` of sensor_msgs/CompressedImage: are the bytes a picture, and in which order are its colours.

Source: sensor_msgs/msg/CompressedImage.msg ("ORIG_PIXFMT; CODEC compressed [COMPRESSED_PIXFMT]", all else is JPEG in
bgr8 or mono8), as compressed_subscriber.cpp of image_transport_plugins reads it.
"""

import re
from functools import lru_cache
from typing import NamedTuple

_CODECS = ("jpeg", "jpg", "png")
_MATRIX = re.compile(r"(8|16|32|64)[usf](c\d+)?")  # an OpenCV type such as 16UC1, which says nothing of colours
_TARGET = re.compile(r"compressed\s+(rgb|bgr)")


class PictureFormat(NamedTuple):
    """What a `format` means.

    Attributes:
        problem: "" or why such data is no picture, with the remedy.
        is_rgb: Whether the compressed channels are red, green, blue already; decoders take them for blue, green, red.
        names_codec: Whether it names JPEG or PNG, or nothing at all; otherwise the bytes alone tell.
    """

    problem: str
    is_rgb: bool
    names_codec: bool


@lru_cache(maxsize=64)
def picture_format(text: str) -> PictureFormat:
    """Read a `format`, which is the same for all messages of a camera."""
    lower = text.lower()
    original, _, rest = lower.partition(";")
    target = _TARGET.search(rest)
    names_codec = not lower.strip() or any(codec in lower for codec in _CODECS)
    problem = _problem(text, original.strip(), bool(target))
    return PictureFormat(problem, target is not None and target[1] == "rgb", names_codec)


def matrix_problem(encoding: str) -> str:
    """ "" or why an encoding that is an OpenCV type, such as 16UC1, is no picture, with the remedy."""
    if _MATRIX.fullmatch(encoding.lower()) is None:
        return ""
    if not encoding.startswith("8"):
        return "is a depth image, no picture; name a colour camera's topic in the rig file"
    return "does not tell its colours; publish rgb8, bgr8 or mono8"


def _problem(text: str, original: str, has_colours: bool) -> str:
    if original.startswith("bayer") and not has_colours:  # with them, it was debayered before it was compressed
        return f"format '{text}' is a sensor's colour mosaic; publish rgb8 (image_proc's debayer node makes it)"
    problem = matrix_problem("16UC1" if "compresseddepth" in text.lower() else original)
    if problem and not (has_colours and original.startswith("8")):
        return f"format '{text}' {problem}"
    return ""
