"""Sizes and end markers of JPEG and PNG, as drivers send them: padded, with fill bytes, with thumbnails, cut off."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aloe_data.image_header import read_header

WIDTH, HEIGHT = 48, 32
NOISE = np.random.default_rng(0).integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)
END = b"\xff\xd9"


def encoded(suffix: str, *options: int) -> bytes:
    """The noise as a file."""
    return cv2.imencode(suffix, NOISE, options)[1].tobytes()


FILES = {
    "jpeg": encoded(".jpg"),
    "progressive jpeg": encoded(".jpg", cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
    "jpeg with restarts": encoded(".jpg", cv2.IMWRITE_JPEG_RST_INTERVAL, 1),
    "png": encoded(".png"),
}


def with_segment(jpeg: bytes, payload: bytes) -> bytes:
    """A JPEG with one more application segment behind its start, as EXIF puts a thumbnail there."""
    return jpeg[:2] + b"\xff\xe1" + (len(payload) + 2).to_bytes(2, "big") + payload + jpeg[2:]


@given(width=st.integers(8, 64), height=st.integers(8, 64))
def test_the_size_is_read_without_decoding(width: int, height: int) -> None:
    for suffix in (".jpg", ".png"):
        data = cv2.imencode(suffix, np.zeros((height, width, 3), np.uint8))[1].tobytes()
        assert read_header(data) == (width, height, 8, True)


@pytest.mark.parametrize("name", FILES)
@given(tail=st.one_of(st.binary(max_size=40), st.integers(0, 20_000).map(bytes), st.just(END), st.just(FILES["png"])))
def test_what_follows_the_end_marker_means_nothing(name: str, tail: bytes) -> None:
    assert read_header(FILES[name] + tail) == (WIDTH, HEIGHT, 8, True)


@pytest.mark.parametrize("name", FILES)
@given(part=st.floats(0, 1, exclude_max=True), padding=st.sampled_from([0, 64, 20_000]))
def test_an_image_that_is_cut_anywhere_is_incomplete_also_when_padded_with_zeros(
    name: str, part: float, padding: int
) -> None:
    cut = FILES[name][: int(part * len(FILES[name]))]
    header = read_header(cut + bytes(padding))
    assert header is None or not header.complete


@given(part=st.floats(0, 1, exclude_max=True))
def test_the_end_of_a_thumbnail_is_not_the_end_of_the_image(part: float) -> None:
    thumbnail = cv2.imencode(".jpg", NOISE[:8, :8])[1].tobytes()
    whole = with_segment(FILES["jpeg"], b"Exif\x00\x00" + thumbnail)
    assert read_header(whole) == (WIDTH, HEIGHT, 8, True)
    header = read_header(whole[: int(part * len(whole))] + bytes(64))
    assert header is None or not header.complete


def test_an_end_marker_in_a_segment_between_scans_is_not_the_end() -> None:
    progressive = FILES["progressive jpeg"]
    second_scan = progressive.index(b"\xff\xc4", progressive.index(b"\xff\xda"))  # the tables before it
    comment = b"\xff\xfe\x00\x06" + END + END
    altered = progressive[:second_scan] + comment + progressive[second_scan:]
    cut = altered[: second_scan + len(comment) + 8] + bytes(64)
    assert read_header(altered + b"\0") == (WIDTH, HEIGHT, 8, True)
    assert read_header(cut) == (WIDTH, HEIGHT, 8, False)


@given(count=st.integers(1, 9))
def test_fill_bytes_before_markers_are_legal(count: int) -> None:
    jpeg = with_segment(FILES["jpeg"], b"x")
    scan = jpeg.index(b"\xff\xda")
    filled = jpeg[:2] + b"\xff" * count + jpeg[2:scan] + b"\xff" * count + jpeg[scan:-2] + b"\xff" * count + END
    assert read_header(filled + b"\0") == (WIDTH, HEIGHT, 8, True)
    assert cv2.imdecode(np.frombuffer(filled, np.uint8), cv2.IMREAD_COLOR) is not None


def test_the_bits_of_depth_images_are_told() -> None:
    depth = cv2.imencode(".png", np.zeros((HEIGHT, WIDTH), np.uint16))[1].tobytes()
    assert read_header(depth) == (WIDTH, HEIGHT, 16, True)
