"""Recorded episodes as arrays: the same observations as live, each camera frame held once."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from aloe_data.codecs import encode_jpeg
from aloe_data.frames import Episode, EpisodeError, EpisodeFacts, Tick, build_episode
from aloe_data.observation import Observation, ObservationAssembler
from aloe_data.rig_file import load_rig

RIG = load_rig(Path(__file__).parents[2] / "config" / "rig_sim.yaml")
RIG = replace(RIG, arms=tuple(replace(arm, max_age_s=0.1) for arm in RIG.arms))
FACTS = EpisodeFacts("ep_0001", "sort the cubes", 7, "success", "")
MS = 1_000_000
PERIOD_MS = {"head": 33, "left_wrist": 34, "right_wrist": 37, "left_arm": 20, "right_arm": 21}


def recorded(
    size: tuple[int, int] | None = (24, 32), quiet: tuple[str, range] = ("", range(0))
) -> ObservationAssembler:
    """An assembler that holds one second of all streams, one of them silent for a while [ms]."""
    assembler = ObservationAssembler(RIG, keep_all=True, image_size=size)
    for stream, period in PERIOD_MS.items():
        for stamp in range(0, 1000, period):
            if stream == quiet[0] and stamp in quiet[1]:
                continue
            if "arm" in stream:
                names = RIG.arm(stream).joint_names
                assembler.push_joint_state(stream, stamp * MS, names, [stamp / 1000] * len(names))
            else:
                assembler.push_image(stream, stamp * MS, encode_jpeg(np.full((240, 320, 3), stamp // 4, np.uint8)))
    return assembler


def tick(number: int) -> Tick:
    sent = np.full(RIG.state_dim, number / 100)
    words = {"operators": ("", "eva"), "reasons": ("policy", f"pressed {number // 20}"), "clips": ("velocity", "")}
    return Tick(
        number * 20 * MS + 5,
        number,
        sent + 1,
        sent,
        (1, 0),
        **words,
        chunk_id=3,
        step=number % 50,
        policy_version="abc",
    )


def episode(assembler: ObservationAssembler, numbers: range = range(5, 45)) -> Episode:
    return build_episode(assembler, RIG, FACTS, [tick(number) for number in numbers])


def test_every_tick_has_the_observation_that_a_live_node_would_assemble_at_its_time() -> None:
    assembler = recorded()
    read = episode(assembler)
    images = read.images()
    assert images.shape == (40, 3, 24, 32, 3)
    for row in range(len(read)):
        live = assembler.assemble_at(int(read.stamps_ns[row]), "")
        assert isinstance(live, Observation)
        np.testing.assert_array_equal(read.state[row], live.state)
        for column, camera in enumerate(RIG.cameras):
            np.testing.assert_array_equal(images[row, column], live.images[camera.name])


def test_what_was_executed_stands_beside_it() -> None:
    read = episode(recorded())
    np.testing.assert_allclose(read.executed[3], 0.08)
    assert read.executed.dtype == np.float32
    np.testing.assert_allclose(read.requested[3], 1.08)
    assert read.source.tolist()[0] == [1, 0]
    assert (read.operator.at(0, 0), read.operator.at(39, 1), read.clip.at(5, 0)) == ("", "eva", "velocity")
    assert [read.reason.at(row, 1) for row in (14, 15)] == ["pressed 0", "pressed 1"]
    assert read.reason.vocabulary == ("policy", "pressed 0", "pressed 1", "pressed 2")
    assert (read.chunk_id[0], read.step[2], read.policy_version[0]) == (3, 7, "abc")
    assert (read.prompt, read.facts.seed, read.facts.verdict) == ("sort the cubes", 7, "success")
    assert read.lost_ticks == 0


def test_every_camera_frame_is_decoded_and_held_once() -> None:
    read = episode(recorded())
    assert len(read.frames["head"]) == len(set(read.frame_index[:, 0]))
    assert len(read.frames["head"]) < 30
    assert read.images([0, 0, 5]).shape[0] == 3


def test_ticks_with_a_silent_stream_are_marked_not_observed() -> None:
    read = episode(recorded(quiet=("left_arm", range(300, 700))))
    stamps_ms = read.stamps_ns // MS
    np.testing.assert_array_equal(read.observed, (stamps_ms < 380) | (stamps_ms >= 700))
    assert np.isnan(read.state[~read.observed]).all()
    assert read.images(np.flatnonzero(read.observed)).shape[0] == read.observed.sum()
    with pytest.raises(ValueError, match="not observed"):
        read.images()


def test_lost_ticks_are_counted() -> None:
    ticks = [tick(number) for number in (5, 6, 9, 10)]
    assert build_episode(recorded(), RIG, FACTS, ticks).lost_ticks == 2


def test_an_episode_without_ticks_or_observations_is_refused_by_name() -> None:
    with pytest.raises(EpisodeError, match="no armed control tick"):
        build_episode(recorded(), RIG, FACTS, [])
    with pytest.raises(EpisodeError, match=r"complete observation: head \(.*nothing received"):
        episode(recorded(quiet=("head", range(1000))))


def test_cameras_of_different_sizes_need_a_common_size_to_be_stacked() -> None:
    cameras = (replace(RIG.cameras[0], width=160, height=120), *RIG.cameras[1:])
    rig = replace(RIG, cameras=cameras)
    assembler = ObservationAssembler(rig, keep_all=True)
    for camera in rig.cameras:
        assembler.push_image(camera.name, 0, np.zeros((camera.height, camera.width, 3), np.uint8))
    for arm in rig.arms:
        assembler.push_joint_state(arm.name, 0, arm.joint_names, arm.home)
    read = build_episode(assembler, rig, FACTS, [tick(0)])
    assert read.frames["head"].shape == (1, 120, 160, 3)
    with pytest.raises(ValueError, match="same shape"):
        read.images()
