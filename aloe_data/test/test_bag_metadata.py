"""metadata.yaml: every text comes back letter by letter, and whoever wrote it, nothing but the custom data changes."""

import re

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from aloe_data.bag_metadata import ROOT, BagTopic, FileFacts, bag_information, to_yaml, with_custom_data

ODD = ["no", "1e3", "123E5", "~", "", " a ", "a: b", "- x", "# none", 'say "hi"', "it's", "a\\n", "a\nb\n", "%x", "!t"]
# As rosbag2 writes it on another machine: sequences not indented, texts unquoted, one key more than we know.
OFFICIAL = """rosbag2_bagfile_information:
  version: 9
  storage_identifier: mcap
  duration:
    nanoseconds: 9000
  starting_time:
    nanoseconds_since_epoch: 1700000000000000000
  message_count: 11
  topics_with_message_count:
    - topic_metadata:
        name: /words
        type: std_msgs/msg/String
        serialization_format: cdr
        offered_qos_profiles:
          - history: keep_last
            depth: 1
            deadline:
              sec: 9223372036
              nsec: 854775807
            avoid_ros_namespace_conventions: false
        type_description_hash: ""
      message_count: 11
  compression_format: ""
  compression_mode: ""
  relative_file_paths:
    - 0x10_0.mcap
  files:
    []
  custom_data:
    prompt: no
    by: 1e3
    note: "a: b"
  ros_distro: jazzy
  later: {a: [1, "2"], b: ~}
"""


def loaded(text: str) -> list[object]:
    """What YAML readers make of a text: one that knows types, one of C, one that knows texts only."""
    return [yaml.load(text, kind) for kind in (yaml.SafeLoader, yaml.CSafeLoader, yaml.BaseLoader)]


@given(st.dictionaries(st.sampled_from(["prompt", "rig", "no"]), st.text()))
@example({"prompt": "\x85\xa0\u2028\ufeff\x00\x7f\U0001f916", "rig": "\r\n\t\\N"})
@example(dict(zip("abcdefghijklmno", ODD, strict=True)))
def test_custom_data_come_back_letter_by_letter(data: dict[str, str]) -> None:
    text = to_yaml({ROOT: bag_information([], [], data, "jazzy")})
    values = yaml.load(text, yaml.BaseLoader)[ROOT]["custom_data"]
    assert (values or {}) == data
    for tree in loaded(text):
        assert list((tree[ROOT]["custom_data"] or {}).values()) == list(data.values())
    escapes = set(re.findall(r"\\.", text.replace("\\\\", "")))
    assert escapes <= {"\\n", "\\t", '\\"', "\\u"}, "others are read by yaml-cpp as bytes that are no UTF-8"


def test_half_a_character_becomes_a_replacement() -> None:
    assert loaded(to_yaml({"prompt": "a\udcffb"})) == [{"prompt": "a\ufffdb"}] * 3


def test_counts_and_times_are_those_of_the_files_that_hold_messages() -> None:
    files = [FileFacts("a_0.mcap"), FileFacts("a_1.mcap"), FileFacts("a_2.mcap")]
    files[1].add("/words", 500)
    files[1].add("/words", 300)
    files[2].add("/words", 900)
    topics = [BagTopic("/words", "std_msgs/msg/String"), BagTopic("/never", "std_msgs/msg/String")]
    told = yaml.safe_load(to_yaml(bag_information(files, topics, {}, "jazzy")))
    assert (told["version"], told["message_count"], told["ros_distro"]) == (9, 3, "jazzy")
    assert told["starting_time"] == {"nanoseconds_since_epoch": 300}
    assert told["duration"] == {"nanoseconds": 600}
    assert [file["message_count"] for file in told["files"]] == [0, 2, 1]
    assert [topic["message_count"] for topic in told["topics_with_message_count"]] == [3, 0]
    empty = bag_information(files[:1], topics, {}, "jazzy")
    assert empty["starting_time"] == {"nanoseconds_since_epoch": 0}
    assert empty["duration"] == {"nanoseconds": 0}


def test_other_custom_data_change_nothing_else_whoever_wrote_the_bag() -> None:
    text = with_custom_data(OFFICIAL, {"prompt": "1e3", "verdict": "SUCCESS"})
    for before, after in zip(loaded(OFFICIAL), loaded(text), strict=True):
        given_data = after[ROOT].pop("custom_data")
        before[ROOT].pop("custom_data")
        assert after == before
        assert given_data == {"prompt": "1e3", "by": "1e3", "note": "a: b", "verdict": "SUCCESS"}
    assert with_custom_data(text, {"prompt": "1e3"}) == text


@pytest.mark.parametrize("custom_data", ["~", "{}", "[]", ""])
def test_a_bag_without_custom_data_gets_some(custom_data: str) -> None:
    text = f"{ROOT}:\n  version: 9\n  custom_data: {custom_data}\n  ros_distro: jazzy\n"
    assert yaml.safe_load(with_custom_data(text, {"prompt": "no"}))[ROOT]["custom_data"] == {"prompt": "no"}


@pytest.mark.parametrize("text", ["", "hello: [", "hello", "- a", "hello: 1"])
def test_what_is_no_metadata_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no metadata"):
        with_custom_data(text, {})
