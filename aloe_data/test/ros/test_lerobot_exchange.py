"""LeRobot datasets of other projects: what they say is taken as they mean it, or refused by place and remedy."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from aloe_data.frames import Episode, EpisodeFacts, Words
from aloe_data.lerobot_dataset import DatasetError, DatasetWriter, joint_names, read_dataset
from aloe_data.rig import Rig
from aloe_data.rig_file import load_rig
from aloe_data.ros.bag_frames import read_episode
from aloe_data.ros.import_lerobot import ImportConfig, import_dataset
from aloe_data.ros.verify_bags import verify

TICKS = 5
FIRST = "data/chunk-000/file-000.parquet"
HEAD = "observation.images.head"
Edit = Callable[[Path], None]


def make_rig(folder: Path, rate_hz: float, arms: int) -> Path:
    """The simulated rig at another rate, with small pictures."""
    config = Path(__file__).parents[3] / "config"
    tree = yaml.safe_load((config / "rig_sim.yaml").read_text()) | {"rate_hz": rate_hz}
    tree["arms"] = [arm | {"urdf": str(config / "sim_arm.urdf")} for arm in tree["arms"][:arms]]
    tree["cameras"] = [camera | {"width": 32, "height": 24} for camera in tree["cameras"][:1]]
    tree["simulation"]["cameras"] = {"head": tree["simulation"]["cameras"]["head"]}
    file = folder / "rig.yaml"
    file.write_text(yaml.safe_dump(tree))
    return file


def episode(rig: Rig, number: int) -> Episode:
    rng, ticks = np.random.default_rng(number), np.arange(TICKS)
    state, action = rng.uniform(0.0, 0.04, (2, TICKS, rig.state_dim)).astype(np.float32)
    none = Words.of([("",) * len(rig.arms)] * TICKS)
    source = np.ones((TICKS, len(rig.arms)), np.uint8)
    source[2:, 0] = 2
    return Episode(
        facts=EpisodeFacts(f"ep_{number:04d}", f"sort {number}", 40 + number, ("success", "failure")[number], ""),
        rig=rig, stamps_ns=ticks * 80_000_000, ticks=ticks, state=state, observed=ticks >= 0,
        frames={"head": np.full((1, 24, 32, 3), 40 * number + 9, np.uint8)}, frame_index=np.zeros((TICKS, 1), int),
        requested=action, executed=action, source=source, operator=none, reason=none, clip=none,
        chunk_id=ticks, step=ticks, policy_version=("v7",) * TICKS,
    )  # fmt: skip


@pytest.fixture
def rig_file(tmp_path: Path) -> Path:
    return make_rig(tmp_path, 12.5, 2)


def export(folder: Path, rig: Rig) -> Path:
    writer = DatasetWriter(folder, rig)
    for number in range(2):
        writer.add(episode(rig, number))
    writer.close()
    return folder


def info(change: Callable[[dict[str, Any]], Any]) -> Edit:
    """An edit of meta/info.json."""

    def edit(dataset: Path) -> None:
        file = dataset / "meta" / "info.json"
        tree = json.loads(file.read_text())
        change(tree)
        file.write_text(json.dumps(tree))

    return edit


def column(name: str, change: Callable[[list[Any]], list[Any]] | None, kind: pa.DataType | None = None) -> Edit:
    """An edit of a column of the first episode's frames; None: it is gone."""

    def edit(dataset: Path) -> None:
        file = dataset / "data" / "chunk-000" / "file-000.parquet"
        table = pq.read_table(file)
        place = table.column_names.index(name)
        values = table[name].to_pylist()
        table = table.remove_column(place)
        if change is not None:
            table = table.add_column(place, name, pa.array(change(values), kind))
        pq.write_table(table, file)

    return edit


def feature(name: str, **values: Any) -> Edit:
    return info(lambda tree: tree["features"][name].update(values))


def tasks(table: pa.Table) -> Edit:
    return lambda dataset: pq.write_table(table, dataset / "meta" / "tasks.parquet")


def both(*edits: Edit) -> Edit:
    return lambda dataset: [edit(dataset) for edit in edits] and None


def picture(extension: str, width: int = 32, height: int = 24) -> bytes:
    image = np.full((height, width, 3), (10, 20, 200), np.uint8)
    return cv2.imencode(extension, image)[1].tobytes()


def cells(data: bytes | None, path: str | None = None) -> Edit:
    return column(HEAD, lambda values: [{"bytes": data, "path": path}, *values[1:]])


def stored(dataset: Path) -> None:
    """The first picture as a file beside the data."""
    (dataset / "images").mkdir()
    (dataset / "images" / "one.png").write_bytes(picture(".png"))
    cells(None, "images/one.png")(dataset)


def placed(names: list[str]) -> dict[str, int]:
    """Names as keys, the last first, of the places where they stand."""
    return {name: names.index(name) for name in reversed(names)}


WORDS = ["sort 0", "sort 1"]
EXTRA = {"difficulty": ["easy", "hard"], "task_index": [0, 1]}
NUMBER = json.dumps({"index_columns": ["name"]})
SOUND: dict[str, Edit] = {
    "as exported": lambda dataset: None,
    "no names": both(feature("observation.state", names=None), feature("action", names=None)),
    "names below a key": info(
        lambda tree: [tree["features"][key].update(names={"motors": tree["features"][key]["names"]}) for key in
                      ("observation.state", "action")]
    ),
    "channels first": feature(HEAD, shape=[3, 24, 32], names=["channels", "height", "width"]),
    "channels first without names": feature(HEAD, shape=[3, 24, 32], names=None),
    "more columns of tasks": tasks(pa.table(EXTRA | {"task": WORDS})),
    "tasks as a named index": tasks(pa.table(EXTRA | {"name": WORDS}).replace_schema_metadata({"pandas": NUMBER})),
    "a numbered index": tasks(
        pa.table(EXTRA | {"task": WORDS}).replace_schema_metadata({"pandas": '{"index_columns": [{"kind": "range"}]}'})
    ),
    "another project's source": both(
        feature("source", dtype="string", names=None), column("source", lambda _: ["teleop"] * TICKS)
    ),
    "names that give each its place": info(
        lambda tree: [tree["features"][key].update(names=placed(tree["features"][key]["names"])) for key in
                      ("observation.state", "action")]
    ),
    "what macOS leaves": lambda dataset: [
        (dataset / "meta/episodes" / name).write_bytes(b"\x00\x05\x16\x07")
        for name in ("chunk-000/._file-000.parquet", "._chunk-000")
    ] and None,
    "info in UTF-16": lambda dataset: (dataset / "meta/info.json").write_text(
        (dataset / "meta/info.json").read_text(), encoding="utf-16"
    ) and None,
    "webp": cells(picture(".webp")),
    "png": cells(picture(".png")),
    "bmp": cells(picture(".bmp")),
    "a path": stored,
    "plain bytes": column(HEAD, lambda values: [value["bytes"] for value in values]),
    "a byte-order mark": lambda dataset: (dataset / "meta" / "info.json").write_bytes(
        b"\xef\xbb\xbf" + (dataset / "meta" / "info.json").read_bytes()
    ) and None,
}  # fmt: skip


@pytest.mark.parametrize("case", SOUND)
def test_what_other_projects_write_is_read_with_the_right_prompt_and_is_sound(
    case: str, rig_file: Path, tmp_path: Path
) -> None:
    rig = load_rig(rig_file)
    SOUND[case](export(tmp_path / "dataset", rig))
    assert import_dataset(ImportConfig(dataset=tmp_path / "dataset", rig=rig_file, out=tmp_path / "bags")) == 2
    for number in range(2):
        bag = tmp_path / "bags" / f"ep_{number:04d}"
        before = episode(rig, number)
        after = read_episode(bag, rig)
        assert verify(bag).problems == []
        assert (after.facts.prompt, after.facts.verdict) == (before.facts.prompt, before.facts.verdict)
        np.testing.assert_array_equal(after.state, before.state)
        assert after.observed.all() and not after.refused


BAD: dict[str, tuple[Edit, list[str]]] = {
    "null": (cells(None), ["episode 0, frame 0", HEAD, "holds no picture", "leave it out"]),
    "null cell": (column(HEAD, lambda v: [None, *v[1:]]), ["episode 0, frame 0", HEAD, "holds no picture"]),
    "lost path": (cells(None, "gone.png"), ["episode 0, frame 0", HEAD, "'gone.png'", "embed"]),
    "no picture": (cells(b"hello"), ["episode 0, frame 0", HEAD, "no picture that OpenCV knows", "WebP"]),
    "cut off": (cells(picture(".png")[:60]), ["episode 0, frame 0", HEAD]),
    "of another size": (cells(picture(".png", 16, 12)), ["episode 0, frame 0", HEAD, "16x12", "32x24"]),
    "webp of another size": (cells(picture(".webp", 16, 12)), ["episode 0, frame 0", HEAD, "16x12"]),
    "declared size": (feature(HEAD, shape=[12, 16, 3]), ["info.json", HEAD, "24 x 32", "resize"]),
    "declared size, channels first": (feature(HEAD, shape=[3, 32, 24], names=None), [HEAD, "24 x 32"]),
    "video": (feature(HEAD, dtype="video"), ["info.json", HEAD, "video", "use_videos=False"]),
    "no feature": (
        info(lambda tree: tree["features"].update(top=tree["features"].pop(HEAD))),
        ["info.json", f"{HEAD} is not there"],
    ),
    "no column": (column(HEAD, None), ["episode 0", HEAD, "not in the data"]),
    "one source for two arms": (column("source", lambda v: [1] * TICKS), ["episode 0, source", "1 values", "left_arm"]),
    "unknown source": (column("source", lambda v: [[7, 7]] * TICKS), ["episode 0, source", "2 human"]),
    "degrees": (
        column("observation.state", lambda v: [[45.0 * x for x in row] if i == 3 else row for i, row in enumerate(v)]
               and [[45.0, *v[0][1:]], *v[1:]]),
        ["episode 0, observation.state, frame 0", "left_arm.waist is 45", "--units degrees"],
    ),
    "declared degrees": (feature("action", info={"unit": "degrees"}), ["info.json", "action", "--units degrees"]),
    "not a number": (
        column("action", lambda v: [[float("nan"), *v[0][1:]], *v[1:]]),
        ["episode 0, action, frame 0", "left_arm.waist is nan", "record it again"],
    ),
    "empty state": (column("action", lambda v: [None, *v[1:]]), ["episode 0, frame 0, action", "empty"]),
    "ragged": (column("action", lambda v: [v[0][1:], *v[1:]]), ["episode 0, action", "no table of numbers"]),
    "frames missing": (lambda d: pq.write_table(pq.read_table(d / FIRST).slice(1), d / FIRST), ["frames are missing"]),
    "file missing": (lambda d: (d / FIRST).unlink(), ["file-000.parquet", "copy or download"]),
    "rate": (info(lambda tree: tree.update(fps="12")), ["info.json", "fps is '12'"]),
    "no features": (info(lambda tree: tree.pop("features")), ["info.json", "no features"]),
    "fewer joints": (feature("action", names=None, shape=[7]), ["info.json", "action", "14 joints"]),
    "names of numbers": (feature("action", names=[*range(14)]), ["info.json", "action has names [0, 1", "texts"]),
    "names of several keys": (
        feature("action", names={"left": ["a"] * 7, "right": ["b"] * 7}), ["info.json", "action has names", "left"]
    ),
    "another version": (info(lambda tree: tree.update(codebase_version="v3.1")), ["v3.1", "revision v3.0"]),
    "a former version": (info(lambda tree: tree.update(codebase_version="v2.1")), ["v2.1", "convert_dataset_v21"]),
    "two tasks in an episode": (
        column("task_index", lambda v: [0, *[1] * (TICKS - 1)]), ["episode 0, frame 1", "from 0 to 1", "two episodes"]
    ),
    "no task": (tasks(pa.table({"task_index": [0, 1], "level": ["a", "b"]})), ["tasks.parquet", "'task'", "level"]),
    "unknown task": (tasks(pa.table({"task_index": [5], "task": ["x"]})), ["episode 0", "task_index is 0"]),
    "no episodes": (lambda d: (d / "meta/episodes/chunk-000/file-000.parquet").unlink(), ["tells of no episode"]),
    "no info": (lambda d: (d / "meta/info.json").unlink(), ["no meta/info.json", "holds meta/ and data/"]),
    "broken info": (lambda d: (d / "meta/info.json").write_text('{\n"a": 1,\n}') and None, ["info.json", "line 3"]),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_meant_is_refused_by_place_and_remedy(case: str, rig_file: Path, tmp_path: Path) -> None:
    edit, parts = BAD[case]
    edit(export(tmp_path / "dataset", load_rig(rig_file)))
    with pytest.raises(DatasetError) as caught:
        import_dataset(ImportConfig(dataset=tmp_path / "dataset", rig=rig_file, out=tmp_path / "bags"))
    for part in [str(tmp_path / "dataset"), *parts]:
        assert part in str(caught.value)
    assert not any((tmp_path / "bags").iterdir()), "nothing half is left"


def test_a_rate_that_is_no_integer_is_kept(rig_file: Path, tmp_path: Path) -> None:
    dataset = export(tmp_path / "dataset", load_rig(rig_file))
    assert json.loads((dataset / "meta/info.json").read_text())["fps"] == 12.5
    data = pq.read_table(dataset / "data/chunk-000/file-001.parquet")
    np.testing.assert_allclose(data["timestamp"].to_pylist(), np.arange(TICKS) / 12.5, atol=1e-6)


def test_outcomes_and_interventions_follow_the_conventions(rig_file: Path, tmp_path: Path) -> None:
    dataset = export(tmp_path / "dataset", load_rig(rig_file))
    for number, rewards in enumerate(([0, 0, 0, 0, 1], [0] * TICKS)):
        data = pq.read_table(dataset / f"data/chunk-000/file-{number:03d}.parquet")
        assert data["next.reward"].to_pylist() == rewards
        assert data["next.success"].to_pylist() == [bool(reward) for reward in rewards]
        assert data["next.done"].to_pylist() == [False, False, False, False, True]
        assert data["complementary_info.is_intervention"].to_pylist() == [False, False, True, True, True]
    described = json.loads((dataset / "meta/info.json").read_text())["features"]
    assert described["next.done"] == {"dtype": "bool", "shape": [1], "names": None}


@pytest.mark.parametrize(
    ("gone", "verdicts"),
    [
        ((), ["success", "failure"]),
        (("next.success",), ["success", "none"]),
        (("next.success", "next.reward"), ["none", "none"]),
    ],
)  # fmt: skip
def test_without_the_suites_own_columns_the_conventions_say_who_commanded_and_how_it_ended(
    gone: tuple[str, ...], verdicts: list[str], rig_file: Path, tmp_path: Path
) -> None:
    rig = load_rig(rig_file)
    dataset = export(tmp_path / "dataset", rig)
    info(lambda tree: tree["features"].pop("source"))(dataset)
    for file in sorted((dataset / "data").glob("*/*.parquet")):
        pq.write_table(pq.read_table(file).drop_columns(["source", *gone]), file)
    episodes = dataset / "meta/episodes/chunk-000/file-000.parquet"
    pq.write_table(pq.read_table(episodes).drop_columns(["verdict", "policy", "seed"]), episodes)
    import_dataset(ImportConfig(dataset=dataset, rig=rig_file, out=tmp_path / "bags"))
    after = [read_episode(tmp_path / "bags" / f"ep_{number:04d}", rig) for number in range(2)]
    assert [each.facts.verdict for each in after] == verdicts
    np.testing.assert_array_equal(after[0].source, np.repeat([[1], [1], [2], [2], [2]], 2, axis=1))


def test_an_outcome_that_is_left_empty_is_no_failure(rig_file: Path, tmp_path: Path) -> None:
    rig = load_rig(rig_file)
    dataset = export(tmp_path / "dataset", rig)
    episodes = dataset / "meta/episodes/chunk-000/file-000.parquet"
    pq.write_table(pq.read_table(episodes).drop_columns(["verdict"]), episodes)
    both(
        column("next.reward", None),
        column("next.success", lambda values: [None] * len(values), pa.bool_()),
    )(dataset)
    assert next(iter(read_dataset(dataset, rig))).facts["verdict"] == "none"


def test_joints_are_found_by_name_in_any_order(rig_file: Path, tmp_path: Path) -> None:
    rig = load_rig(rig_file)
    dataset = export(tmp_path / "dataset", rig)
    names = joint_names(rig)
    feature("action", names=[f"{name}.pos" for name in reversed(names)])(dataset)
    for file in sorted((dataset / "data").glob("*/*.parquet")):
        table = pq.read_table(file)
        reverse = pa.array([row[::-1] for row in table["action"].to_pylist()])
        pq.write_table(table.set_column(table.column_names.index("action"), "action", reverse), file)
    for number, read in enumerate(read_dataset(dataset, rig)):
        np.testing.assert_array_equal(read.action, episode(rig, number).executed)
    with pytest.raises(DatasetError, match=r"it lacks left_arm\.waist"):
        feature("action", names=["left_arm.weist", *names[1:]])(dataset)
        list(read_dataset(dataset, rig))


def test_degrees_are_converted_where_asked_and_lengths_are_not(rig_file: Path, tmp_path: Path) -> None:
    rig = load_rig(rig_file)
    dataset = export(tmp_path / "dataset", rig)
    turning = np.array([not name.endswith("gripper") for name in joint_names(rig)])
    scale = np.where(turning, 180 / np.pi, 1.0)
    for file in sorted((dataset / "data").glob("*/*.parquet")):
        table = pq.read_table(file)
        for key in ("observation.state", "action"):
            rows = pa.array((np.array(table[key].to_pylist()) * scale).tolist())
            table = table.set_column(table.column_names.index(key), key, rows)
        pq.write_table(table, file)
    read = next(iter(read_dataset(dataset, rig, "degrees")))
    np.testing.assert_allclose(read.state, episode(rig, 0).state, atol=1e-6)


def test_a_rig_with_one_arm_and_raw_pictures_comes_back(tmp_path: Path) -> None:
    file = make_rig(tmp_path, 50, 1)
    file.write_text(file.read_text().replace("image_raw/compressed", "image_raw\n  transport: raw"))
    rig = load_rig(file)
    dataset = export(tmp_path / "dataset", rig)
    assert pq.read_table(dataset / FIRST)["source"].to_pylist() == [1, 1, 2, 2, 2]
    import_dataset(ImportConfig(dataset=dataset, rig=file, out=tmp_path / "bags"))
    after = read_episode(tmp_path / "bags" / "ep_0000", rig)
    np.testing.assert_array_equal(after.source, episode(rig, 0).source)
    np.testing.assert_allclose(after.frames["head"][0], 9, atol=2)
    assert verify(tmp_path / "bags" / "ep_0000").problems == []


def test_a_dataset_of_several_chunks_and_episodes_per_file_is_read_in_order(rig_file: Path, tmp_path: Path) -> None:
    rig = load_rig(rig_file)
    dataset = export(tmp_path / "dataset", rig)
    files = sorted((dataset / "data").glob("*/*.parquet"))
    whole = pa.concat_tables([pq.read_table(file) for file in reversed(files)])
    for file in files:
        file.unlink()
    (dataset / "data/chunk-003").mkdir()
    pq.write_table(whole, dataset / "data/chunk-003/file-017.parquet")
    meta = dataset / "meta/episodes/chunk-000/file-000.parquet"
    table = pq.read_table(meta)
    for name, number in (("data/chunk_index", 3), ("data/file_index", 17)):
        table = table.set_column(table.column_names.index(name), name, pa.array([number] * 2))
    pq.write_table(table.slice(1), meta)
    (dataset / "meta/episodes/chunk-001").mkdir()
    pq.write_table(table.slice(0, 1), dataset / "meta/episodes/chunk-001/file-000.parquet")
    assert [read.prompt for read in read_dataset(dataset, rig)] == WORDS


def test_a_dataset_of_another_rate_is_refused_with_both(rig_file: Path, tmp_path: Path) -> None:
    rig = load_rig(rig_file)
    dataset = export(tmp_path / "dataset", rig)
    with pytest.raises(DatasetError, match=r"has 12.5 frames/s, the rig 'sim_bimanual' 12"):
        list(read_dataset(dataset, replace(rig, rate_hz=12.0)))
