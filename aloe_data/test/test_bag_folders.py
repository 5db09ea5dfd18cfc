"""Where bags are: each is found once, whatever leads to it, and what looks like one but is none is named."""

import os
import subprocess
from pathlib import Path

import pytest

from aloe_data.bag_folders import bag_files, find_bags
from aloe_data.recording import RecordingError


def make(bag: Path, *names: str, closed: bool = True) -> Path:
    """A folder with files as a bag has them; their content does not matter here."""
    bag.mkdir(parents=True)
    for name in names or (f"{bag.name}_0.mcap",):
        (bag / name).write_bytes(b"\x89MCAP0\r\n")
    if closed:
        (bag / "metadata.yaml").write_text("rosbag2_bagfile_information:\n  version: 9\n")
    return bag


def look(folder: Path) -> tuple[list[str], dict[str, str]]:
    """Bags below a folder, and what was left out with its reason, by path relative to the folder."""
    said: list[str] = []
    bags = [str(bag.relative_to(folder)) for bag in find_bags(folder, said.append)]
    parts = [line.removeprefix(f"left out: {folder}/").split(": ", 1) for line in said]
    return bags, dict(parts)


def test_bags_are_found_at_any_depth_in_order_and_a_bag_is_found_by_its_own_path(tmp_path):
    one = make(tmp_path / "b" / "ep_0001")
    make(tmp_path / "b" / "ep_0000", closed=False)
    make(tmp_path / "a" / "deep" / "ep_0007", "ep_0007_0.mcap", "ep_0007_1.mcap")
    assert look(tmp_path) == (["a/deep/ep_0007", "b/ep_0000", "b/ep_0001"], {})
    assert find_bags(one) == [one]


def test_a_bag_behind_a_link_is_read_once_and_by_its_own_path_where_that_lies_below_too(tmp_path):
    outside = make(tmp_path / "outside" / "ep_0009")
    bags = tmp_path / "bags"
    make(bags / "ep_0001")
    (bags / "a_link").symlink_to(bags / "ep_0001")
    (bags / "ep_0002").symlink_to(outside)
    (bags / "loop").symlink_to(bags)
    (bags / "itself").symlink_to(bags / "itself")
    (bags / "gone").symlink_to(tmp_path / "nowhere")
    found, left_out = look(bags)
    assert found == ["ep_0001", "ep_0002"]
    assert set(left_out) == {"gone", "itself"} and "nowhere, which is not there" in left_out["gone"]


def test_what_macos_leaves_beside_files_is_ignored(tmp_path):
    bag = make(tmp_path / "bags" / "ep_0000", "ep_0000_0.mcap", "._ep_0000_0.mcap", ".DS_Store")
    (tmp_path / "bags" / "._ep_0001_0.mcap").write_bytes(b"\x00\x05\x16\x07")
    assert look(tmp_path / "bags") == (["ep_0000"], {})
    assert [file.name for file in bag_files(bag)] == ["ep_0000_0.mcap"]


@pytest.mark.parametrize(
    "trash",
    [".Trash-1000/files", ".Trashes/501", "lost+found", "$Recycle.Bin/S-1", ".old", "#snapshot/daily", "~snapshot"],
)
def test_bags_in_trash_and_hidden_folders_are_not_read_and_that_is_said(tmp_path, trash):
    make(tmp_path / "ep_0000")
    make(tmp_path / trash / "ep_0001")
    (tmp_path / ".cache").mkdir()
    found, left_out = look(tmp_path)
    assert found == ["ep_0000"]
    assert list(left_out) == [trash.split("/")[0]] and "move out of it" in next(iter(left_out.values()))


def test_a_hidden_folder_that_is_asked_for_is_searched(tmp_path):
    make(tmp_path / ".mine" / "ep_0000")
    assert look(tmp_path / ".mine") == (["ep_0000"], {})


@pytest.mark.parametrize("link", [False, True], ids=["folder", "link"])
def test_a_lone_file_beside_bags_is_named_and_the_bags_are_read(tmp_path, link):
    made = make(tmp_path / ("outside" if link else "bags") / "ep_0000")
    bags = tmp_path / "bags"
    bags.mkdir(exist_ok=True)
    if link:
        (bags / "ep_0000").symlink_to(made)
    (bags / "stray.mcap").touch()
    found, left_out = look(bags)
    assert found == ["ep_0000"]
    assert (
        f"mkdir {bags}/stray && mv {bags}/stray.mcap {bags}/stray && ros2 run aloe_data repair"
        in (left_out["stray.mcap"])
    )


def test_files_of_several_recordings_in_one_folder_are_no_bag(tmp_path):
    make(tmp_path / "files", "monday.mcap", "tuesday.mcap", closed=False)
    with pytest.raises(
        RecordingError, match=r"no bags found[\s\S]*monday\.mcap: a file on its own[\s\S]*tuesday\.mcap"
    ):
        find_bags(tmp_path)


@pytest.mark.parametrize(
    ("names", "closed", "says"),
    [
        (
            ["ep_0001_0.mcap.zstd"],
            True,
            "zstd -d --rm {bag}/*.mcap.zstd && rm -f {bag}/metadata.yaml && ros2 run aloe_data repair {bag}",
        ),
        (["ep_0001_0.mcap", "ep_0001_1.mcap.zstd"], True, "compressed as files, ep_0001_1.mcap.zstd"),
        (["ep_0001_0.mcap.gz"], True, "gzip -d {bag}/*.mcap.gz && rm -f {bag}/metadata.yaml && ros2 run"),
        (["ep_0001_0.mcap.xz"], False, "xz -d {bag}/*.mcap.xz"),
        (["EP_0001_0.MCAP"], True, "mv {bag}/EP_0001_0.MCAP {bag}/EP_0001_0.mcap && ros2 run aloe_data repair {bag}"),
        (["ep_0001_0.db3"], True, "ros2 bag convert -i {bag}"),
        (["ep_0001_0.db3", "stray.mcap"], True, "stored as sqlite3"),
        (["ep_0001_0.db3.zstd"], True, "compressed as files"),
        (["readme.txt"], True, "its .mcap files are not; copy the bag once more"),
    ],
)
def test_a_bag_that_cannot_be_read_is_named_with_what_to_do(tmp_path, names, closed, says):
    make(tmp_path / "ep_0000")
    bag = make(tmp_path / "ep_0001", *names, closed=closed)
    found, left_out = look(tmp_path)
    assert found == ["ep_0000"]
    assert list(left_out) == ["ep_0001"] and says.format(bag=bag) in left_out["ep_0001"]


def test_an_unpacked_file_beside_its_packed_one_is_read(tmp_path):
    make(tmp_path / "ep_0001", "ep_0001_0.mcap", "ep_0001_0.mcap.zstd")
    assert look(tmp_path) == (["ep_0001"], {})


def test_a_bag_inside_a_bag_is_named(tmp_path):
    make(tmp_path / "ep_0000")
    make(tmp_path / "ep_0000" / "ep_0001")
    found, left_out = look(tmp_path)
    assert found == ["ep_0000"] and "lies inside the bag" in left_out["ep_0000/ep_0001"]


def run_remedy(reason: str) -> None:
    """The shell commands of a reason, without those that ROS would run."""
    commands = reason.split(": ", 1)[1].rpartition(" && ros2 run")[0]
    subprocess.run(commands, shell=True, check=True)


def test_remedies_are_commands_that_work_also_where_names_have_spaces_and_quotes(tmp_path):
    folder = tmp_path / "my bags' (best)"
    packed = make(folder / "ep 0001", "ep_0001_0.mcap")
    subprocess.run(["gzip", packed / "ep_0001_0.mcap"], check=True)
    make(folder / "ep 0002", "EP 0002_0.MCAP")
    make(folder / "ep 0003")
    (folder / "one more.mcap").touch()
    left_out = look(folder)[1]
    assert set(left_out) == {"ep 0001", "ep 0002", "one more.mcap"}
    for reason in left_out.values():
        run_remedy(reason)
    assert look(folder) == (["ep 0001", "ep 0002", "ep 0003", "one more"], {})


def test_a_bag_of_ros_1_is_named(tmp_path):
    make(tmp_path / "ep_0000")
    (tmp_path / "monday.bag").touch()
    found, left_out = look(tmp_path)
    assert found == ["ep_0000"] and "rosbags-convert" in left_out["monday.bag"]


def test_pipes_and_folders_that_are_called_like_files_are_no_files_of_a_bag(tmp_path):
    bag = make(tmp_path / "ep_0000")
    os.mkfifo(bag / "pipe.mcap")
    (bag / "folder.mcap").mkdir()
    assert look(tmp_path) == (["ep_0000"], {})
    assert bag_files(bag) == [bag / "ep_0000_0.mcap"]
