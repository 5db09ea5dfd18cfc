"""A bag's fingerprint is that of its messages: it changes with them, and with nothing else."""

import io
import os
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mcap.writer import CompressionType, Writer

from aloe_data.fingerprint import fingerprint, without_copies


def write(bag: Path, messages: list[bytes], cut: bool = False) -> Path:
    """A bag of one file with a message per millisecond, in chunks; cut: as its recording left it when killed."""
    bag.mkdir(parents=True)
    stream = io.BytesIO()
    writer = Writer(stream, 256, CompressionType.NONE)
    writer.start()
    channel = writer.register_channel("/t", "cdr", writer.register_schema("std_msgs/msg/String", "ros2msg", b""))
    for number, message in enumerate(messages):
        writer.add_message(channel, number * 1_000_000, message, number * 1_000_000)
    writer.finish()
    data = stream.getvalue()
    end = data.index(messages[-1]) + len(messages[-1]) if cut else len(data)
    (bag / f"{bag.name}_0.mcap").write_bytes(data[:end])
    return bag


MESSAGES = [bytes([k]) * 100 for k in range(40)]


def test_it_stays_when_a_bag_is_moved_copied_touched_linked_or_given_another_metadata_or_verdict(tmp_path):
    bag = write(tmp_path / "ep_0000", MESSAGES)
    before = fingerprint(bag)
    copy = tmp_path / "elsewhere" / "ep_0007"
    shutil.copytree(bag, copy)
    (tmp_path / "link").symlink_to(bag)
    os.utime(next(bag.glob("*.mcap")), ns=(1, 1))
    (bag / "metadata.yaml").write_text("rosbag2_bagfile_information:\n")
    (bag / "verdicts.jsonl").write_text("{}\n")
    (bag / "._ep_0000_0.mcap").write_bytes(b"\0\5\x16\7")
    assert {fingerprint(b) for b in (bag, copy, tmp_path / "link")} == {before}
    assert fingerprint(bag.rename(tmp_path / "moved")) == before


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(number=st.integers(0, 39), byte=st.integers(0, 99), value=st.integers(1, 255), cut=st.booleans())
def test_it_changes_with_any_byte_of_any_message(tmp_path_factory, number, byte, value, cut):
    folder = tmp_path_factory.mktemp("bags")
    other = [bytearray(message) for message in MESSAGES]
    other[number][byte] ^= value
    one = write(folder / "one", MESSAGES, cut=cut)
    two = write(folder / "two", [bytes(message) for message in other], cut=cut)
    assert fingerprint(one) != fingerprint(two)


def test_it_changes_when_a_recording_goes_on(tmp_path):
    whole = write(tmp_path / "whole", MESSAGES)
    cut = write(tmp_path / "cut", MESSAGES[:20], cut=True)
    more = write(tmp_path / "more", MESSAGES[:30], cut=True)
    assert len({fingerprint(bag) for bag in (whole, cut, more)}) == 3


def test_the_order_of_files_counts_and_their_names_do_not(tmp_path):
    bag = write(tmp_path / "ep", MESSAGES)
    shutil.copy(write(tmp_path / "second", MESSAGES[:9]) / "second_0.mcap", bag / "ep_1.mcap")
    before = fingerprint(bag)
    for number in (0, 1):
        (bag / f"ep_{number}.mcap").rename(bag / f"renamed_{number}.mcap")
    assert fingerprint(bag) == before
    (bag / "renamed_0.mcap").rename(bag / "renamed_2.mcap")
    assert fingerprint(bag) != before


def test_of_copies_the_first_one_is_taken_and_the_others_are_named(tmp_path):
    one = write(tmp_path / "a", MESSAGES)
    copy = Path(shutil.copytree(one, tmp_path / "b"))
    other = write(tmp_path / "c", MESSAGES[1:])
    said: list[str] = []
    assert without_copies([one, copy, other], said.append) == [one, other]
    assert said == [f"left out: {copy}: a copy of {one}, which counts"]


@pytest.mark.parametrize("content", [b"", b"x", b"\x89MCAP0\r\n"])
def test_something_that_is_no_recording_has_one_too(tmp_path, content):
    (tmp_path / "0.mcap").write_bytes(content)
    assert fingerprint(tmp_path) == fingerprint(tmp_path)
