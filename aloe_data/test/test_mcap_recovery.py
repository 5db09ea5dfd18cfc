"""Recovery of damaged MCAP files: all that is readable, nothing that is spoilt, and no crash on any bytes."""

import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mcap.records import Channel, Message, Metadata, Schema
from mcap.writer import CompressionType, Writer

from aloe_data.mcap_recovery import MAGIC, Damage, lacks_checksums, read_content, recover

COUNT = 60


def written(
    compression: CompressionType = CompressionType.NONE, finish: bool = True, chunk: int = 700, **options: bool
) -> bytes:
    """A file of COUNT numbered messages in several chunks."""
    stream = io.BytesIO()
    writer = Writer(stream, chunk_size=chunk, compression=compression, **options)
    writer.start(profile="ros2")
    writer.add_metadata("rosbag2", {"custom": "data"})
    channel = writer.register_channel("/words", "cdr", writer.register_schema("std_msgs/msg/String", "ros2msg", b"..."))
    for number in range(COUNT):
        writer.add_message(channel, number, f"message {number}".encode() * 5, number, number)
    if finish:
        writer.finish()
    return stream.getvalue()


def read(tmp_path: Path, data: bytes) -> tuple[list[int], list[Damage]]:
    """Numbers of the messages, each checked to be as it was written, and the damage."""
    file = tmp_path / "file.mcap"
    file.write_bytes(data)
    numbers, damage = [], []
    for record in recover(file):
        if isinstance(record, Message):
            assert record.data == f"message {record.sequence}".encode() * 5
            numbers.append(record.sequence)
        elif isinstance(record, Damage):
            damage.append(record)
    return numbers, damage


@pytest.mark.parametrize("compression", list(CompressionType))
def test_a_sound_file_is_read_whole(tmp_path: Path, compression: CompressionType) -> None:
    assert read(tmp_path, written(compression)) == (list(range(COUNT)), [])
    kinds = {type(record) for record in recover(tmp_path / "file.mcap")}
    assert kinds == {Message, Channel, Schema, Metadata}


@settings(max_examples=60)
@given(cut=st.integers(0, 10_000), compression=st.sampled_from(CompressionType))
def test_a_cut_file_gives_all_whole_messages_before_the_cut(
    cut: int, compression: CompressionType, tmp_path_factory: pytest.TempPathFactory
) -> None:
    whole = written(compression)
    data = whole[: cut % len(whole)]
    numbers, damage = read(tmp_path_factory.mktemp("cut"), data)
    assert numbers == list(range(len(numbers)))
    assert damage and damage[-1].tail
    if compression is CompressionType.NONE:
        held = sum(f"message {n}".encode() * 5 in data for n in range(COUNT))
        assert len(numbers) == held


@settings(max_examples=150)
@given(
    position=st.integers(0, 10_000),
    change=st.one_of(st.integers(1, 255), st.binary(max_size=40)),
    compression=st.sampled_from(CompressionType),
)
def test_damage_anywhere_never_crashes_and_costs_at_most_a_chunk(
    position: int, change: int | bytes, compression: CompressionType, tmp_path_factory: pytest.TempPathFactory
) -> None:
    whole = written(compression)
    position %= len(whole)
    spoilt = bytes([whole[position] ^ change]) if isinstance(change, int) else change
    data = whole[:position] + spoilt + whole[position + len(spoilt) :]
    if isinstance(change, int):
        numbers, _ = read(tmp_path_factory.mktemp("spoilt"), data)
        assert len(numbers) >= COUNT - 16
        assert numbers == sorted(set(numbers))
    else:
        read(tmp_path_factory.mktemp("spoilt"), data)


@settings(max_examples=300)
@given(position=st.integers(0, 20_000), change=st.integers(1, 255), compression=st.sampled_from(CompressionType))
def test_a_changed_byte_is_found_wherever_it_is(
    position: int, change: int, compression: CompressionType, tmp_path_factory: pytest.TempPathFactory
) -> None:
    data = bytearray(written(compression, enable_data_crcs=True))  # as this suite writes bags
    data[position % len(data)] ^= change
    file = tmp_path_factory.mktemp("changed") / "file.mcap"
    file.write_bytes(data)
    assert read_content(file).damage


@settings(max_examples=300)
@given(position=st.integers(0, 20_000), change=st.integers(1, 255), compression=st.sampled_from(CompressionType))
def test_without_checksums_a_changed_byte_is_found_or_leaves_number_channel_and_time_of_every_message(
    position: int, change: int, compression: CompressionType, tmp_path_factory: pytest.TempPathFactory
) -> None:
    data = bytearray(written(compression, enable_crcs=False))  # as rosbag2's own writer does by default
    data[position % len(data)] ^= change
    file = tmp_path_factory.mktemp("changed") / "file.mcap"
    file.write_bytes(data)
    records = list(recover(file))
    if not any(isinstance(record, Damage) for record in records):
        found = [(record.channel_id, record.log_time) for record in records if isinstance(record, Message)]
        assert found == [(1, number) for number in range(COUNT)]


@pytest.mark.parametrize(
    ("options", "bare"),
    [
        ({}, False),
        ({"enable_crcs": False}, True),
        ({"enable_crcs": False, "enable_data_crcs": True}, False),
        ({"use_chunking": False}, True),
        ({"use_chunking": False, "enable_data_crcs": True}, False),
    ],
)
def test_a_file_whose_messages_no_checksum_covers_is_known(
    tmp_path: Path, options: dict[str, bool], bare: bool
) -> None:
    file = tmp_path / "file.mcap"
    file.write_bytes(written(**options))
    assert lacks_checksums(file) == bare


@settings(max_examples=60)
@given(data=st.binary(max_size=300), magic=st.booleans())
def test_any_bytes_are_survived(data: bytes, magic: bool, tmp_path_factory: pytest.TempPathFactory) -> None:
    file = tmp_path_factory.mktemp("fuzz") / "file.mcap"
    file.write_bytes(MAGIC * magic + data)
    assert any(isinstance(record, Damage) for record in recover(file))


def test_a_chunk_that_claims_too_much_is_refused_without_taking_the_memory(tmp_path: Path) -> None:
    data = written(CompressionType.ZSTD)
    start = data.index(b"zstd") - 16
    numbers, damage = read(tmp_path, data[:start] + (1 << 60).to_bytes(8, "little") + data[start + 8 :])
    assert "a chunk of 1152921504606846976 bytes" in damage[0].reason
    assert numbers[-1] == COUNT - 1


def test_an_unfinished_file_says_so(tmp_path: Path) -> None:
    numbers, damage = read(tmp_path, written(finish=False))
    assert len(numbers) >= COUNT - 12
    assert [d.reason for d in damage] == ["the file was not finished"]
