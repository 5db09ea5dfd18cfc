"""Bags of raw images are read, inspected, verified and exported as those of compressed ones."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from episode_bag import write_episode
from raw_rig import write_raw_rig

from aloe_data.lerobot_dataset import read_dataset
from aloe_data.rig import Rig
from aloe_data.rig_file import load_rig
from aloe_data.ros.bag_frames import read_episode
from aloe_data.ros.bag_reader import topic_types
from aloe_data.ros.export_lerobot import ExportConfig
from aloe_data.ros.export_lerobot import export as export_lerobot
from aloe_data.ros.export_parquet import ParquetConfig
from aloe_data.ros.export_parquet import export as export_parquet
from aloe_data.ros.inspect_bag import InspectConfig, inspect
from aloe_data.ros.verify_bags import verify

SMALL = (24, 32)
RAW_TOPIC = "/cameras/head/image_raw"
JPEG_GREYS = 2  # by which JPEG changes a picture of one grey


@pytest.fixture
def raw_file(tmp_path: Path) -> Path:
    return write_raw_rig(tmp_path, ["head", "left_wrist"])


@pytest.fixture
def raw_rig(raw_file: Path) -> Rig:
    return load_rig(raw_file)


def test_an_episode_of_raw_images_is_that_of_compressed_ones(
    tmp_path: Path, rig_file: Path, raw_file: Path, raw_rig: Rig, capsys: pytest.CaptureFixture[str]
) -> None:
    bag = write_episode(tmp_path / "raw" / "ep_0000", rig_file=raw_file)
    assert topic_types(bag)[RAW_TOPIC] == "sensor_msgs/msg/Image"
    compressed = write_episode(tmp_path / "compressed" / "ep_0000")
    read = read_episode(bag, raw_rig, SMALL)
    expected = read_episode(compressed, load_rig(rig_file), SMALL)
    assert not read.refused
    np.testing.assert_array_equal(read.frame_index, expected.frame_index)
    np.testing.assert_allclose(read.images().astype(int), expected.images(), atol=JPEG_GREYS)
    assert read.frames["head"].shape[1:] == (*SMALL, 3)

    assert verify(bag).problems == [] and verify(bag, quick=True).problems == []
    inspect(InspectConfig(bag=bag, out=tmp_path, columns=3))
    assert f"{RAW_TOPIC}  " in capsys.readouterr().out
    assert (tmp_path / "ep_0000_frames.png").is_file()

    export_parquet(ParquetConfig(bags=bag.parent, rig=raw_file, out=tmp_path / "raw.parquet"))
    export_parquet(ParquetConfig(bags=compressed.parent, rig=rig_file, out=tmp_path / "compressed.parquet"))
    assert pq.read_table(tmp_path / "raw.parquet").equals(pq.read_table(tmp_path / "compressed.parquet"))
    small_rig = tmp_path / "rig_small.yaml"
    small_rig.write_text(raw_file.read_text().replace("width: 320, height: 240", "width: 32, height: 24"))
    size = {"image_height": SMALL[0], "image_width": SMALL[1]}
    export_lerobot(ExportConfig(bags=bag.parent, rig=raw_file, out=tmp_path / "dataset", **size))
    (row,) = read_dataset(tmp_path / "dataset", load_rig(small_rig))
    assert len(row.images["head"]) == read.observed.sum()


@pytest.mark.parametrize("quick", [False, True])
def test_verify_names_depth_images_in_the_place_of_pictures(tmp_path: Path, raw_file: Path, quick: bool) -> None:
    def depth(topic: str, message: Any) -> Any:
        if topic == RAW_TOPIC:
            message.encoding = "16UC1"
        return message

    (problem,) = verify(write_episode(tmp_path / "ep_0000", change=depth, rig_file=raw_file), quick).problems
    assert problem.startswith(f"{RAW_TOPIC}: ") and "encoding '16UC1' is a depth image" in problem
