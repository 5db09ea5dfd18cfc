"""Episode bags as training frames: the same as live, and foreign or damaged bags refused by name."""

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aloe_msgs.msg import ArmAction, EpisodeEvent, ExecutedAction

from aloe_data.codecs import encode_jpeg
from aloe_data.frames import EpisodeError
from aloe_data.observation import Observation, ObservationAssembler
from aloe_data.rig import Rig
from aloe_data.rig_file import load_rig
from aloe_data.ros.bag_frames import read_episode
from aloe_data.ros.convert import compressed_to_message, joint_state_to_message, ns_to_stamp
from aloe_data.verdicts import SIDECAR, GivenVerdict, give_verdict

MS = 1_000_000
SECONDS = 0.6
Rows = list[tuple[int, str, Any]]


@pytest.fixture
def rig(rig_file: Path) -> Rig:
    return load_rig(rig_file)


def event(stamp_ms: int, kind: int, verdict: int = EpisodeEvent.NONE) -> tuple[int, str, Any]:
    message = EpisodeEvent(kind=kind, episode_id="ep_0004", verdict=verdict, prompt="sort the cubes", seed=11)
    message.header.stamp = ns_to_stamp(stamp_ms * MS)
    return stamp_ms, "/episode/events", message


def executed(rig: Rig, stamp_ms: int, number: int) -> tuple[int, str, Any]:
    sent = number / 100
    arms = [
        ArmAction(arm=arm.name, source=1, reason="policy", requested=[sent] * arm.dof, executed=[sent] * arm.dof)
        for arm in rig.arms
    ]
    message = ExecutedAction(tick=number, armed=True, chunk_id=2, step=number, policy_version="abc", arms=arms)
    message.header.stamp = ns_to_stamp(stamp_ms * MS)
    return stamp_ms, "/executed_action", message


def story(rig: Rig) -> Rows:
    """What a graph publishes in an episode between 100 and 500 ms, ordered by time."""
    rows: Rows = [event(100, EpisodeEvent.START), event(500, EpisodeEvent.STOP, EpisodeEvent.SUCCESS)]
    for stamp in range(0, int(SECONDS * 1000), 33):
        data = encode_jpeg(np.full((240, 320, 3), stamp // 4, np.uint8))
        rows += [(stamp, camera.topic, compressed_to_message(data, stamp * MS, "")) for camera in rig.cameras]
    for number, stamp in enumerate(range(3, int(SECONDS * 1000), 20)):
        for arm in rig.arms:
            rows.append(
                (stamp, arm.joint_state_topic, joint_state_to_message(arm, [stamp / 1000] * arm.dof, stamp * MS))
            )
        rows.append(executed(rig, stamp + 4, number))
    return sorted(rows, key=lambda row: row[0])


def test_a_bag_becomes_the_frames_that_a_live_node_would_have_seen(rig: Rig, write: Callable[[Rows], Path]) -> None:
    rows = story(rig)
    episode = read_episode(write(rows), rig, image_size=(24, 32))
    live = ObservationAssembler(rig, image_size=(24, 32))
    pending = iter([row for row in rows if not row[1].startswith("/e")])
    row = next(pending)
    for index, stamp_ns in enumerate(episode.stamps_ns):
        while row is not None and row[0] * MS <= stamp_ns:
            push(live, rig, row)
            row = next(pending, None)
        seen = live.assemble_at(int(stamp_ns), "")
        assert isinstance(seen, Observation)
        np.testing.assert_array_equal(episode.state[index], seen.state)
        np.testing.assert_array_equal(episode.images([index])[0], np.stack(list(seen.images.values())))


def push(assembler: ObservationAssembler, rig: Rig, row: tuple[int, str, Any]) -> None:
    stamp_ms, topic, message = row
    for camera in rig.cameras:
        if camera.topic == topic:
            assembler.push_image(camera.name, stamp_ms * MS, bytes(message.data))
    for arm in rig.arms:
        if arm.joint_state_topic == topic:
            assembler.push_joint_state(arm.name, stamp_ms * MS, message.name, message.position)


def test_ticks_lie_between_start_and_stop_by_their_stamps_with_what_was_executed(
    rig: Rig, write: Callable[[Rows], Path]
) -> None:
    rows = story(rig)
    rows = rows[-3:] + rows[:-3]  # the order of reception does not matter
    episode = read_episode(write(rows), rig)
    assert 100 <= episode.stamps_ns[0] / MS < 120
    assert 480 < episode.stamps_ns[-1] / MS <= 500
    assert episode.lost_ticks == 0
    assert episode.observed.all()
    np.testing.assert_allclose(episode.executed[:, 0], episode.ticks / 100)
    np.testing.assert_array_equal(episode.step, episode.ticks)
    facts = episode.facts
    assert (facts.episode_id, facts.prompt, facts.seed, facts.verdict) == ("ep_0004", "sort the cubes", 11, "success")


def test_an_independent_reader_finds_the_same_ticks(rig: Rig, write: Callable[[Rows], Path]) -> None:
    reader = pytest.importorskip("rosbags.rosbag2")
    bag = write(story(rig))
    with reader.Reader(bag) as other:
        counts = {connection.topic: connection.msgcount for connection in other.connections}
    inside = len(read_episode(bag, rig))
    assert inside == 20
    assert counts["/executed_action"] == 30


def test_messages_that_a_live_node_refuses_are_left_out_and_counted(rig: Rig, write: Callable[[Rows], Path]) -> None:
    rows = story(rig)
    camera, arm = rig.cameras[0], rig.arms[0]
    big = encode_jpeg(np.zeros((480, 640, 3), np.uint8))
    rows.insert(40, (rows[40][0], camera.topic, compressed_to_message(big, rows[40][0] * MS, "")))
    rows.insert(60, (rows[60][0], arm.joint_state_topic, joint_state_to_message(arm, [np.nan] * arm.dof, 1)))
    episode = read_episode(write(rows), rig)
    assert episode.refused == {camera.topic: 1, arm.joint_state_topic: 1}
    assert episode.observed.all()


def without(topic: str) -> Callable[[Rows], Rows]:
    return lambda rows: [row for row in rows if row[1] != topic]


def without_kind(kind: int) -> Callable[[Rows], Rows]:
    return lambda rows: [row for row in rows if getattr(row[2], "kind", None) != kind]


def test_an_episode_whose_recording_was_cut_short_has_no_verdict(rig: Rig, write: Callable[[Rows], Path]) -> None:
    episode = read_episode(write(without_kind(EpisodeEvent.STOP)(story(rig))), rig)
    assert (episode.facts.verdict, episode.facts.reason) == ("none", "the recording was cut short")
    assert len(episode) == 25


def test_a_verdict_given_afterwards_counts_for_every_reader(rig: Rig, write: Callable[[Rows], Path]) -> None:
    bag = write(story(rig))
    give_verdict(bag.parent, GivenVerdict(bag.name, "failure", "eva", "in the wrong tray", 0))
    facts = read_episode(bag, rig).facts
    assert (facts.verdict, facts.verdict_source, facts.reason) == ("failure", "eva", "in the wrong tray")
    (bag.parent / SIDECAR).write_text("{}\n")
    with pytest.raises(EpisodeError, match=r"verdicts\.jsonl:1: \{\} is no verdict"):
        read_episode(bag, rig)


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (without("/executed_action"), "no messages on /executed_action"),
        (without("/cameras/head/image_raw/compressed"), "no messages on /cameras/head.*'sim_bimanual'"),
        (without_kind(EpisodeEvent.START), "0 START and 1 STOP"),
        (lambda rows: [*rows, event(550, EpisodeEvent.START)], "2 START .*one bag per episode"),
    ],
    ids=["no ticks", "no camera", "no start", "two episodes"],
)
def test_foreign_bags_are_refused_by_name(
    spoil: Callable[[Rows], Rows], expected: str, rig: Rig, write: Callable[[Rows], Path]
) -> None:
    with pytest.raises(EpisodeError, match=f"ep_0004: has {expected}"):
        read_episode(write(spoil(story(rig))), rig)


def test_a_bag_of_another_rig_is_refused_by_its_arms(rig: Rig, write: Callable[[Rows], Path]) -> None:
    rows = story(rig)
    for _, topic, message in rows:
        if topic == "/executed_action":
            message.arms = message.arms[:1]
    with pytest.raises(EpisodeError, match="has the arms left_arm, the rig 'sim_bimanual' has left_arm with 7 joints"):
        read_episode(write(rows), rig)


def damaged(bag: Path) -> Iterator[Path]:
    """The bag cut in the middle, then without its file, then gone."""
    file = next(bag.glob("*.mcap"))
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    yield bag
    file.write_bytes(b"")
    yield bag
    file.unlink()
    yield bag
    yield bag / "nowhere"


def test_damaged_bags_are_refused_by_name_or_read_as_cut_short(rig: Rig, write: Callable[[Rows], Path]) -> None:
    for bag in damaged(write(story(rig))):
        try:
            assert read_episode(bag, rig).facts.verdict == "none"
        except EpisodeError as error:
            assert str(bag) in str(error)


def spoilt(data: bytes, chance: random.Random) -> bytes:
    """The bytes cut, flipped, blanked or with something inserted, somewhere."""
    at, length = chance.randrange(len(data)), chance.randrange(1, 5000)
    flipped = bytes(byte ^ 1 << chance.randrange(8) for byte in data[at : at + 3])
    between = chance.choice([b"", flipped, bytes(length), chance.randbytes(20), b"\xff" * 9])
    return data[:at] if not between else data[:at] + between + data[at + len(between) * chance.randrange(2) :]


@pytest.mark.parametrize("part", ["*.mcap", "metadata.yaml"])
def test_any_damage_is_refused_by_name_or_read_around(rig: Rig, write: Callable[[Rows], Path], part: str) -> None:
    file = next((bag := write(story(rig))).glob(part))
    whole, chance = file.read_bytes(), random.Random(7)
    for _ in range(25):
        file.write_bytes(spoilt(whole, chance))
        try:
            assert len(read_episode(bag, rig, image_size=(24, 32))) > 0
        except EpisodeError as error:
            assert str(bag) in str(error)
