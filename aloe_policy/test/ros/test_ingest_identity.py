"""Ingest: an episode counts once, wherever its bag lies and however often; what moved keeps its features."""

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("rclpy")
pytest.importorskip("aloe_msgs.msg")

from ingest_world import RIG_FILE, episode, names, save_encoder

from aloe_data.fingerprint import fingerprint_by_times
from aloe_data.frames import Episode
from aloe_policy.encoders.registry import load_encoder
from aloe_policy.ros import bag_reading
from aloe_policy.ros import ingest as command


def episode_in(bag: Path) -> Episode:
    """The episode that a made-up bag stands for: its file tells id, number of ticks, and verdict."""
    name, length, verdict = next(bag.glob("*.mcap")).read_text().split()
    made = episode(name, int(length))
    return replace(made, facts=replace(made.facts, verdict=verdict))


def record(bag: Path, name: str = "", length: int = 6, verdict: str = "success") -> Path:
    """A made-up bag."""
    bag.mkdir(parents=True, exist_ok=True)
    (bag / "0.mcap").write_text(f"{name or bag.name} {length} {verdict}")
    return bag


@pytest.fixture
def home(tmp_path) -> Path:
    """A folder with two bags."""
    record(tmp_path / "home" / "bags" / "ep_0000")
    record(tmp_path / "home" / "bags" / "ep_0001", length=7)
    return tmp_path / "home"


@pytest.fixture
def ingest(tmp_path, monkeypatch) -> Callable[..., tuple[command.EpisodeStore, list[str]]]:
    """Ingests a folder into the store beside it; the store, and which bags were read."""
    encoder = load_encoder(save_encoder(tmp_path / "encoder.safetensors", 0), (32, 48))
    reads: list[str] = []

    def read(bag: Path, rig: object, image_size: object) -> Episode:
        reads.append(bag.name)
        return episode_in(bag)

    def run(bags: Path, store: Path | None = None, **more: object):
        store = store or bags.with_name("store")
        config = command.IngestConfig(bags=bags, rig=RIG_FILE, store=store, processes=1, **more)
        reads.clear()
        found, (features,) = command.ingest(config, (encoder,))
        assert all(features.has(one) for one in found.bags.values())
        return found, list(reads)

    monkeypatch.setattr(bag_reading, "read_episode", read)
    return run


def as_former_version(bags: Path, store: Path, gone: tuple[str, ...] = ()) -> None:
    """Make of a store what a former version would have left."""
    rows = [json.loads(line) for line in (store / "episodes.jsonl").read_text().splitlines()]
    for row in rows:
        row["fingerprint"] = fingerprint_by_times(Path(row["bag"]))
    (store / "episodes.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (store / "bags.json").unlink()
    (store / "gone.json").write_text(json.dumps([str(bags / name) for name in gone]))


@pytest.mark.parametrize("former", [False, True], ids=["present", "former"])
def test_bags_and_store_that_were_moved_together_are_the_same(home, ingest, former):
    ingest(home / "bags")
    if former:
        as_former_version(home / "bags", home / "store")
    moved = home.rename(home.with_name("moved"))
    store, reads = ingest(moved / "bags")
    assert reads == [] and names(store) == ["ep_0000", "ep_0001"]
    assert {Path(one.bag).parent for one in store.bags.values()} == {moved / "bags"}


@pytest.mark.parametrize("former", [False, True], ids=["present", "former"])
def test_a_copy_of_all_on_another_machine_counts_every_episode_once(home, ingest, former):
    ingest(home / "bags")
    if former:
        as_former_version(home / "bags", home / "store")
    copy = home.with_name("copy")
    shutil.copytree(home, copy, copy_function=shutil.copy)  # which gives the files other times
    shutil.rmtree(home)
    store, reads = ingest(copy / "bags")
    assert len(store.bags) == 2 and reads == (["ep_0000", "ep_0001"] if former else [])
    assert ingest(copy / "bags")[1] == []
    assert len(store.episodes) == 2


def test_a_store_that_moved_with_its_bags_knows_where_they_are_without_reading_them(home, ingest):
    ingest(home / "bags")
    moved = home.rename(home.with_name("moved"))
    store = command.EpisodeStore(moved / "store", command.load_rig(RIG_FILE), (32, 48))
    assert {Path(one.bag).parent for one in store.bags.values()} == {moved / "bags"}


def test_a_store_is_not_led_to_other_bags_that_lie_where_its_own_did(home, ingest):
    ingest(home / "bags")
    shutil.copytree(home / "store", home.parent / "other" / "store")
    record(home.parent / "other" / "bags" / "ep_0000", name="another", length=9)
    store = command.EpisodeStore(home.parent / "other" / "store", command.load_rig(RIG_FILE), (32, 48))
    assert {Path(one.bag).parent for one in store.bags.values()} == {home / "bags"}


def test_a_copy_a_link_and_a_second_folder_count_once_and_copies_are_named(home, ingest, capsys):
    copy = Path(shutil.copytree(home / "bags" / "ep_0000", home / "bags" / "ep_0000_copy"))
    (home / "bags" / "link").symlink_to(home / "bags" / "ep_0001")
    store, reads = ingest(home / "bags")
    assert reads == ["ep_0000", "ep_0001"] and len(store.bags) == 2
    assert f"1 bags that are copies ({copy} of {home / 'bags' / 'ep_0000'})" in capsys.readouterr().out
    (home / "linked").symlink_to(home / "bags")
    shutil.copytree(home / "bags", home / "again" / "deep", symlinks=True)
    for folder in ("linked", "again"):
        store, reads = ingest(home / folder)
        assert reads == [] and len(store.bags) == 2


def test_a_bag_that_moved_to_another_folder_is_there_and_one_that_was_removed_is_gone(home, ingest):
    record(home / "more" / "ep_0005", length=9)
    ingest(home / "bags")
    ingest(home / "more")
    (home / "bags" / "ep_0000").rename(home / "more" / "ep_0000")
    shutil.rmtree(home / "bags" / "ep_0001")
    record(home / "bags" / "ep_0009", length=8)
    ingest(home / "bags")
    store, reads = ingest(home / "more")
    assert reads == [] and names(store) == ["ep_0000", "ep_0005", "ep_0009"]
    assert names(ingest(home / "bags")[0]) == ["ep_0000", "ep_0005", "ep_0009"]


@pytest.mark.parametrize("with_store", [False, True])
def test_what_was_removed_while_its_folder_moved_is_gone(home, ingest, with_store):
    ingest(home / "bags")
    moved = home.rename(home.with_name("moved"))
    shutil.rmtree(moved / "bags" / "ep_0001")
    if not with_store:
        moved = (moved / "bags").rename(home.with_name("disk")).parent
        store, reads = ingest(home.with_name("disk"), store=home.with_name("moved") / "store")
    else:
        store, reads = ingest(moved / "bags")
    assert reads == [] and names(store) == ["ep_0000"]


def test_of_two_copies_one_may_go(home, ingest):
    shutil.copytree(home / "bags", home / "backup")
    ingest(home / "bags")
    ingest(home / "backup")
    shutil.rmtree(home / "bags" / "ep_0000")
    store, _ = ingest(home / "bags")
    assert {Path(one.bag).parent.name for one in store.bags.values()} == {"backup", "bags"}


def test_a_touched_bag_is_not_read_again_and_one_with_another_name_is_the_same(home, ingest):
    ingest(home / "bags")
    os.utime(home / "bags" / "ep_0000" / "0.mcap", ns=(5, 5))
    (home / "bags" / "ep_0000" / "metadata.yaml").write_text("made anew")
    (home / "bags" / "ep_0001").rename(home / "bags" / "renamed")
    store, reads = ingest(home / "bags")
    assert reads == [] and names(store) == ["ep_0000", "renamed"]


@pytest.mark.parametrize("keep_gone", [False, True])
def test_a_bag_that_was_repaired_replaces_what_was_there(home, ingest, keep_gone):
    before = ingest(home / "bags")[0]
    key = next(iter(before.bags))
    record(home / "bags" / "ep_0000", length=4)
    store, reads = ingest(home / "bags", keep_gone=keep_gone)
    assert reads == ["ep_0000"] and sorted(one.ticks for one in store.bags.values()) == [4, 7]
    again, _ = ingest(home / "bags", keep_gone=keep_gone)
    assert sorted(one.ticks for one in again.bags.values()) == [4, 7]
    assert again.bags[again.key_of(key)].ticks == 4
    assert again.key_of(str(home / "bags" / "ep_0000")) == again.key_of(key)


def test_two_bags_that_change_places_stay_who_they_are(home, ingest):
    before = {key: one.ticks for key, one in ingest(home / "bags")[0].bags.items()}
    bags = home / "bags"
    (bags / "ep_0000").rename(bags / "x")
    (bags / "ep_0001").rename(bags / "ep_0000")
    (bags / "x").rename(bags / "ep_0001")
    store, reads = ingest(bags)
    assert reads == [] and {key: one.ticks for key, one in store.bags.items()} == before
    assert {Path(one.bag).name: one.ticks for one in store.bags.values()} == {"ep_0001": 6, "ep_0000": 7}


def test_an_episode_in_another_form_counts_once(home, ingest):
    ingest(home / "bags")
    converted = record(home / "bags" / "compressed", name="ep_0000")
    with (converted / "0.mcap").open("a") as file:
        file.write(" ")  # the same episode by other bytes
    store, reads = ingest(home / "bags")
    assert reads == ["compressed"] and len(store.bags) == 2
    assert ingest(home / "bags")[1] == []
    shutil.rmtree(home / "bags" / "ep_0000")
    assert names(ingest(home / "bags")[0]) == ["compressed", "ep_0001"]


def test_an_episode_whose_facts_were_corrected_in_a_new_bag_counts_once_as_it_is_there(home, ingest):
    ingest(home / "bags")
    record(home / "bags" / "relabelled", name="ep_0000", verdict="failure")
    store, _ = ingest(home / "bags")
    assert sorted(one.verdict for one in store.bags.values()) == ["failure", "success"]
    store, reads = ingest(home / "bags")
    assert reads == [] and sorted(one.verdict for one in store.bags.values()) == ["failure", "success"]


def test_what_a_former_version_called_gone_stays_gone_and_comes_back_without_being_read(home, ingest):
    ingest(home / "bags")
    as_former_version(home / "bags", home / "store", gone=("ep_0001",))
    away = (home / "bags" / "ep_0001").rename(home / "away")
    assert names(ingest(home / "bags")[0]) == ["ep_0000"]
    away.rename(home / "bags" / "ep_0001")
    store, reads = ingest(home / "bags")
    assert reads == [] and names(store) == ["ep_0000", "ep_0001"]


def test_a_store_whose_index_is_damaged_is_refused_by_name(home, ingest):
    ingest(home / "bags")
    (home / "store" / "bags.json").write_text("{")
    with pytest.raises(command.StoreError, match=r"bags\.json: cannot be read: .*; remove it, and ingest again"):
        ingest(home / "bags")
    (home / "store" / "bags.json").unlink()
    store, reads = ingest(home / "bags")
    assert reads == [] and len(store.bags) == 2
