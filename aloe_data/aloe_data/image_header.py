"""What JPEG and PNG bytes say of themselves, without decoding: size, depth, and whether they reach their end marker.

Bytes behind the end marker mean nothing: drivers with buffers of a fixed size send them with every image.

Source: ITU-T T.81, annex B (JPEG); W3C Portable Network Graphics, 5 (PNG).
"""

import re
import struct
from typing import NamedTuple

_JPEG_START = b"\xff\xd8"
_JPEG_END = b"\xff\xd9"
_PNG_START = b"\x89PNG\r\n\x1a\n"
_PNG_END = b"IEND\xaeB`\x82"  # the chunk's type and checksum; it is always empty
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # markers that begin a frame and so tell its size
_ALONE = frozenset((0x01, *range(0xD0, 0xD8)))  # markers without a segment behind them
_FILL = 0xFF  # any number of these may stand before a marker
_SCAN = 0xDA
# In a scan, 0xFF before 0x00 is a value and before 0xD0 to 0xD7 a restart; all else ends the scan.
_AFTER_SCAN = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")


class ImageHeader(NamedTuple):
    """Width and height [px], bits per channel, and whether the image is there up to its end marker."""

    width: int
    height: int
    bits: int
    complete: bool


def read_header(data: bytes) -> ImageHeader | None:
    """The header of a JPEG or PNG, all 0 where the bytes end before it is told; None if they are neither."""
    if data.startswith(_JPEG_START):
        return _read_jpeg(data)
    if data.startswith(_PNG_START):
        return _read_png(data)
    return None


def _read_jpeg(data: bytes) -> ImageHeader:
    """Segments up to the first scan; a thumbnail lies in a segment, so its markers are not met."""
    width = height = bits = 0
    position = len(_JPEG_START)
    while position + 9 < len(data) and data[position] == 0xFF:
        marker = data[position + 1]
        if marker == _FILL:
            position += 1
            continue
        if marker in _ALONE:
            position += 2
            continue
        if marker in _FRAMES:
            bits, height, width = struct.unpack_from(">BHH", data, position + 4)
        elif marker == _SCAN:
            # Looking at the last bytes is enough for nearly every image, and costs nothing.
            complete = data.endswith(_JPEG_END) or _scans_end(data, position)
            return ImageHeader(width, height, bits, complete)
        position += 2 + int.from_bytes(data[position + 2 : position + 4], "big")
    return ImageHeader(width, height, bits, complete=False)


def _scans_end(data: bytes, position: int) -> bool:
    """Whether an end marker follows the scans, the first of which begins at `position`."""
    while True:
        position += 2 + int.from_bytes(data[position + 2 : position + 4], "big")
        marker = _AFTER_SCAN.search(data, position)
        if marker is None:
            return False
        if marker.group() == _JPEG_END:
            return True
        position = marker.start()


def _read_png(data: bytes) -> ImageHeader:
    position = len(_PNG_START)
    if len(data) < position + 17 or data[position + 4 : position + 8] != b"IHDR":
        return ImageHeader(0, 0, 0, complete=False)
    width, height, bits = struct.unpack_from(">IIB", data, position + 8)
    while position + 12 <= len(data):
        if data.startswith(_PNG_END, position + 4):
            return ImageHeader(width, height, bits, complete=True)
        position += 12 + int.from_bytes(data[position : position + 4], "big")
    return ImageHeader(width, height, bits, complete=False)
