"""Episodes leave as LeRobot datasets and tables, and come back from datasets as bags that hold the same."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from aloe_data.bag_folders import find_bags
from aloe_data.codecs import decode_compressed, encode_jpeg
from aloe_data.frames import Episode, EpisodeFacts, Words
from aloe_data.lerobot_dataset import DatasetEpisode, DatasetError, DatasetWriter, joint_names, read_dataset
from aloe_data.recording import RecordingError
from aloe_data.rig import Rig
from aloe_data.rig_file import load_rig
from aloe_data.ros import import_lerobot
from aloe_data.ros.bag_frames import read_episode
from aloe_data.ros.export_lerobot import ExportConfig
from aloe_data.ros.export_lerobot import export as export_lerobot
from aloe_data.ros.export_parquet import ParquetConfig, table_of
from aloe_data.ros.export_parquet import export as export_parquet
from aloe_data.ros.import_lerobot import ImportConfig, import_dataset

TICKS = 6


def episode(rig: Rig, number: int) -> Episode:
    rng, ticks = np.random.default_rng(number), np.arange(TICKS)
    rows = rng.uniform(-0.5, 0.5, (2, TICKS, rig.state_dim)).astype(np.float32)
    observed = ticks > 0
    frames = {c.name: np.full((3, c.height, c.width, 3), 40 * number + 9, np.uint8) for c in rig.cameras}
    none = Words.of([("",) * len(rig.arms)] * TICKS)
    source = np.tile([1, 2], (TICKS, 1)).astype(np.uint8)
    return Episode(
        facts=EpisodeFacts(f"ep_{number:04d}", f"sort {number}", 40 + number, "failure", ""), rig=rig,
        stamps_ns=ticks * 20_000_000, ticks=ticks, state=rows[0], observed=observed, frames=frames,
        frame_index=np.where(observed[:, None], np.minimum(ticks // 2, 2)[:, None], -1).repeat(len(rig.cameras), 1),
        requested=rows[1], executed=rows[1], source=source, operator=none, reason=none, clip=none,
        chunk_id=ticks, step=ticks, policy_version=("v7",) * TICKS,
    )  # fmt: skip


@pytest.fixture
def rig(rig_file: Path) -> Rig:
    return load_rig(rig_file)


@pytest.fixture
def dataset(rig: Rig, tmp_path: Path) -> Path:
    writer = DatasetWriter(tmp_path / "dataset", rig)
    for number in range(2):
        writer.add(episode(rig, number))
    writer.close()
    return tmp_path / "dataset"


def test_a_dataset_has_the_files_columns_and_totals_of_the_format(dataset: Path, rig: Rig) -> None:
    info = json.loads((dataset / "meta" / "info.json").read_text())
    observed = TICKS - 1
    totals = {
        "codebase_version": "v3.0",
        "fps": 50,
        "total_episodes": 2,
        "total_frames": 2 * observed,
        "total_tasks": 2,
    }
    assert {key: info[key] for key in totals} == totals
    data = pq.read_table(dataset / info["data_path"].format(chunk_index=0, file_index=1))
    assert set(data.column_names) == set(info["features"])
    assert data["index"].to_pylist() == list(range(observed, 2 * observed))
    assert data["frame_index"].to_pylist() == list(range(observed)) and set(data["task_index"].to_pylist()) == {1}
    np.testing.assert_allclose(data["timestamp"].to_pylist(), np.arange(observed) / 50, atol=1e-6)
    rows = pq.read_table(dataset / "meta" / "episodes" / "chunk-000" / "file-000.parquet").to_pylist()
    assert [(r["dataset_from_index"], r["dataset_to_index"], r["verdict"]) for r in rows][1] == (5, 10, "failure")
    statistics = json.loads((dataset / "meta" / "stats.json").read_text())
    assert set(statistics) == set(info["features"])
    assert np.shape(statistics["observation.images.head"]["mean"]) == (3, 1, 1)
    assert np.shape(statistics["action"]["std"]) == (rig.state_dim,)
    of_episodes = {key: row for key, row in rows[1].items() if key.startswith("stats/")}
    assert {key.split("/")[1] for key in of_episodes} == set(info["features"])
    assert of_episodes["stats/index/min"] == [5.0] and of_episodes["stats/index/count"] == [observed]
    assert np.shape(of_episodes["stats/observation.images.head/q99"]) == (3, 1, 1)


def test_what_was_exported_comes_back_as_bags_with_the_same_episodes(
    dataset: Path, rig: Rig, rig_file: Path, tmp_path: Path
) -> None:
    assert import_dataset(ImportConfig(dataset=dataset, rig=rig_file, out=tmp_path / "bags")) == 2
    for number in range(2):
        before, after = episode(rig, number), read_episode(tmp_path / "bags" / f"ep_{number:04d}", rig)
        assert (after.facts.prompt, after.facts.verdict, after.facts.seed) == (f"sort {number}", "failure", 40 + number)
        np.testing.assert_array_equal(after.state, before.state[before.observed])
        np.testing.assert_array_equal(after.executed, before.executed[before.observed])
        np.testing.assert_array_equal(after.source, before.source[before.observed])
        assert set(after.policy_version) == {"v7"} and after.observed.all()
        camera = rig.cameras[0]
        jpeg = encode_jpeg(before.frames[camera.name][0], 95)
        np.testing.assert_array_equal(after.frames[camera.name][0], decode_compressed(jpeg, camera))


def test_an_import_that_was_stopped_goes_on_and_leaves_no_half_bag(
    dataset: Path, rig: Rig, rig_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, write = ImportConfig(dataset=dataset, rig=rig_file, out=tmp_path / "bags"), import_lerobot._EpisodeBag.write

    def stopped(bag: import_lerobot._EpisodeBag, episode: DatasetEpisode) -> None:
        if bag._record.seed == 41:
            raise KeyboardInterrupt
        write(bag, episode)

    monkeypatch.setattr(import_lerobot._EpisodeBag, "write", stopped)
    with pytest.raises(KeyboardInterrupt):
        import_dataset(config)
    assert [bag.name for bag in config.out.iterdir()] == ["ep_0000"]
    monkeypatch.undo()
    assert import_dataset(config) == 1
    assert import_dataset(config) == 0
    assert [read_episode(bag, rig).facts.seed for bag in sorted(config.out.iterdir())] == [40, 41]


def test_an_import_that_is_repeated_neither_doubles_nor_loses_an_episode(
    dataset: Path, rig: Rig, rig_file: Path, tmp_path: Path
) -> None:
    out = tmp_path / "bags"
    import_dataset(ImportConfig(dataset=dataset, rig=rig_file, out=out))
    (out / "sorted").mkdir()
    (out / "ep_0001").rename(out / "sorted" / "second")
    (out / "sorted" / "second" / "metadata.yaml").unlink()
    moved = ImportConfig(dataset=dataset.rename(tmp_path / "moved"), rig=rig_file, out=out)
    assert import_dataset(moved) == 0
    shutil.rmtree(out / "ep_0000")
    assert import_dataset(moved) == 1
    seeds = {read_episode(next(bag.glob("*.mcap")), rig).facts.seed for bag in find_bags(out)}
    assert seeds == {40, 41} and len(find_bags(out)) == 2


def test_equal_episodes_of_a_dataset_are_all_imported(rig: Rig, rig_file: Path, tmp_path: Path) -> None:
    writer = DatasetWriter(tmp_path / "dataset", rig)
    for _ in range(3):
        writer.add(episode(rig, 1))
    writer.close()
    config = ImportConfig(dataset=tmp_path / "dataset", rig=rig_file, out=tmp_path / "bags")
    assert import_dataset(config) == 3
    shutil.rmtree(tmp_path / "bags" / "ep_0001")
    assert import_dataset(config) == 1


def test_a_table_that_was_broken_off_is_not_there(
    dataset: Path, rig_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_dataset(ImportConfig(dataset=dataset, rig=rig_file, out=tmp_path / "bags"))
    table = tmp_path / "deep" / "ticks.parquet"
    config = ParquetConfig(bags=tmp_path / "bags", rig=rig_file, out=table)

    def stopped(episode: Episode) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("aloe_data.ros.export_parquet.table_of", stopped)
    with pytest.raises(KeyboardInterrupt):
        export_parquet(config)
    assert not any(table.parent.iterdir())
    monkeypatch.undo()
    export_parquet(config)
    assert pq.read_table(table).num_rows


def test_a_dataset_of_another_rig_or_version_is_refused_by_what_differs(dataset: Path, rig: Rig) -> None:
    with pytest.raises(DatasetError, match="name its own rig file"):
        list(read_dataset(dataset, replace(rig, arms=rig.arms[:1])))
    with pytest.raises(DatasetError, match="has 50 frames/s"):
        list(read_dataset(dataset, replace(rig, rate_hz=30.0)))
    info = dataset / "meta" / "info.json"
    info.write_text(info.read_text().replace('"v3.0"', '"v2.1"'))
    with pytest.raises(DatasetError, match=r"is version v2.1, not v3.0"):
        list(read_dataset(dataset, rig))
    info.write_text("{")
    with pytest.raises(DatasetError, match="no LeRobot dataset"):
        list(read_dataset(dataset, rig))


def test_a_dataset_is_never_written_over(dataset: Path, rig: Rig) -> None:
    with pytest.raises(DatasetError, match="exists already"):
        DatasetWriter(dataset, rig)


def test_a_table_has_every_tick_and_says_who_commanded(rig: Rig) -> None:
    table, whole = table_of(episode(rig, 3)), episode(rig, 3)
    left, right = (arm.name for arm in rig.arms)
    assert table.num_rows == TICKS and table["observed"].to_pylist()[:2] == [False, True]
    assert set(table[f"{left}.source"].to_pylist()) == {"policy"} and table[f"{right}.source"][0].as_py() == "human"
    last = joint_names(rig)[-1]
    np.testing.assert_array_equal(table[f"executed.{last}"].to_numpy(), whole.executed[:, -1])


def test_exports_say_which_bags_were_left_out_and_why_and_refuse_to_write_nothing(
    dataset: Path, rig_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bags, table = tmp_path / "bags", tmp_path / "ticks.parquet"
    import_dataset(ImportConfig(dataset=dataset, rig=rig_file, out=bags))
    file = bags / "ep_0001" / "ep_0001_0.mcap"
    file.write_bytes(file.read_bytes()[:100])
    export_parquet(ParquetConfig(bags=bags, rig=rig_file, out=table))
    export_lerobot(ExportConfig(bags=bags, rig=rig_file, out=tmp_path / "again"))
    said = capsys.readouterr().out
    assert said.count(f"left out: {bags / 'ep_0001'}") == 2
    assert f"{table}: {pq.read_table(table).num_rows} ticks" in said and f"{tmp_path / 'again'}: 1 episodes" in said
    with pytest.raises(RecordingError, match="no episode to write"):
        export_parquet(ParquetConfig(bags=bags / "ep_0001", rig=rig_file, out=tmp_path / "nothing.parquet"))
    with pytest.raises(DatasetError, match="no episode to write"):
        export_lerobot(ExportConfig(bags=bags / "ep_0001", rig=rig_file, out=tmp_path / "nothing"))
