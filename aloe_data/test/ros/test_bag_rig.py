"""A bag holds the rig file and its URDFs, and is read with its own copies of them, wherever and whenever."""

from pathlib import Path

import pytest
import yaml

from aloe_data.recording import EpisodeRecord, RecordingError, read_rig_files, urdf_bytes
from aloe_data.rig_file import load_rig
from aloe_data.ros.bag_reader import read_record
from aloe_data.ros.bag_survey import rig_inside, rig_of
from aloe_data.ros.bag_writer import open_bag
from aloe_data.urdf import load_chain

CONFIG = Path(__file__).parents[3] / "config"
URDF = (CONFIG / "sim_arm.urdf").read_text()


def rig_file(folder: Path, left: str, right: str) -> Path:
    """A rig file in `folder`/config whose arms have these URDFs."""
    tree = yaml.safe_load((CONFIG / "rig_sim.yaml").read_text())
    for arm, urdf in zip(tree["arms"], (left, right), strict=True):
        arm["urdf"] = urdf
    path = folder / "config" / "rig.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(yaml.safe_dump(tree))
    return path


def write_urdf(path: Path, remark: str, encoding: str = "utf-8") -> bytes:
    """A URDF that says a remark, in an encoding that it declares."""
    declaration = f'<?xml version="1.0" encoding="{encoding.removesuffix("-sig")}"?>\r\n<!-- {remark} -->\n'
    data = (declaration + URDF[URDF.index("<robot") :]).encode(encoding)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return data


def record_bag(path: Path, bag: Path) -> Path:
    """A bag without messages, but with the record of an episode of the rig."""
    text, urdfs = read_rig_files(path, load_rig(path))
    open_bag(bag, EpisodeRecord("ep_0000", rig=text, urdfs=urdfs), {}).close()
    return bag


def urdfs_inside(bag: Path) -> list[bytes]:
    with rig_inside(read_record(bag)) as rig:
        for arm in rig.arms:
            load_chain(arm.urdf, arm.base_link, arm.tool_link)
        return [arm.urdf.read_bytes() for arm in rig.arms]


@pytest.mark.parametrize(
    ("left", "right"), [("../urdf/arm.urdf", "../urdf/arm.urdf"), ("left/arm.urdf", "../right/arm.urdf")]
)
def test_urdfs_in_other_folders_and_of_one_name_are_all_in_the_bag(left: str, right: str, tmp_path: Path) -> None:
    written = {name: write_urdf(tmp_path / "config" / name, name) for name in (left, right)}
    bag = record_bag(rig_file(tmp_path, left, right), tmp_path / "ep_0000")
    assert urdfs_inside(bag) == [written[left], written[right]]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "iso-8859-1", "cp1252", "utf-16", "utf-16-le", "shift_jis"])
def test_a_urdf_keeps_every_byte_in_whichever_encoding_it_is(encoding: str, tmp_path: Path) -> None:
    remark = "腕" if encoding == "shift_jis" else "Größe"
    data = write_urdf(tmp_path / "arm.urdf", remark, encoding)
    bag = record_bag(rig_file(tmp_path, "../arm.urdf", "../arm.urdf"), tmp_path / "ep_0000")
    assert urdfs_inside(bag) == [data, data]


@pytest.mark.parametrize("removed", [True, False])
def test_of_an_absolute_path_the_bags_own_copy_is_read_not_the_file_that_is_there_now(
    removed: bool, tmp_path: Path
) -> None:
    urdf = tmp_path / "urdf" / "arm.urdf"
    data = write_urdf(urdf, "as it was")
    bag = record_bag(rig_file(tmp_path, str(urdf), str(urdf)), tmp_path / "ep_0000")
    urdf.write_text("no URDF any more")
    if removed:
        urdf.unlink()
    assert urdfs_inside(bag) == [data, data]


def test_a_bag_with_urdfs_by_the_files_name_alone_is_read_as_before(tmp_path: Path) -> None:
    write_urdf(tmp_path / "urdf" / "arm.urdf", "as it is now")
    path = rig_file(tmp_path, "../urdf/arm.urdf", "../urdf/arm.urdf")
    record = EpisodeRecord("ep_0000", rig=path.read_text(), urdfs={"arm.urdf": URDF})
    with rig_inside(record) as rig:
        assert [arm.urdf.read_text() for arm in rig.arms] == [URDF, URDF]


def test_a_bag_without_a_urdf_says_which_and_does_not_read_the_present_one(tmp_path: Path) -> None:
    urdf = tmp_path / "arm.urdf"
    write_urdf(urdf, "as it is now")
    record = EpisodeRecord("ep_0000", rig=rig_file(tmp_path, str(urdf), str(urdf)).read_text(), urdfs={})
    with pytest.raises(RecordingError, match=r"no copy of '.*arm\.urdf', but of no file .*; name one with"):
        rig_of(record)


def test_the_bytes_of_a_urdf_survive_the_metadata_as_text() -> None:
    every_byte = bytes(range(256))
    record = EpisodeRecord("ep_0000", urdfs={"a": every_byte.decode("utf-8", "surrogateescape")})
    data = record.to_custom_data()
    assert data["urdfs"].isascii()
    assert urdf_bytes(EpisodeRecord.from_custom_data(data).urdfs["a"]) == every_byte
