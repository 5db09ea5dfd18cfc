"""Observations: aligned in time, never from the future, every staleness named, the same however messages come in."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aloe_data.codecs import CodecError, encode_jpeg
from aloe_data.observation import Observation, ObservationAssembler, StaleInput
from aloe_data.rig_file import load_rig

FULL = load_rig(Path(__file__).parents[2] / "config" / "rig_sim.yaml")
RIG = replace(
    FULL,
    cameras=tuple(replace(camera, width=4, height=3, max_age_s=0.2) for camera in FULL.cameras),
    arms=tuple(replace(arm, max_age_s=0.1) for arm in FULL.arms),
)
STREAMS = [*(camera.name for camera in RIG.cameras), *(arm.name for arm in RIG.arms)]
MS = 1_000_000
schedules = st.fixed_dictionaries({name: st.lists(st.integers(1, 60), max_size=12) for name in STREAMS})


def push(assembler: ObservationAssembler, stream: str, stamp_ns: int) -> bool:
    """Push a sample whose content is its stamp in ms."""
    if stream in [camera.name for camera in RIG.cameras]:
        return assembler.push_image(stream, stamp_ns, np.full((3, 4, 3), stamp_ns // MS % 256, np.uint8))
    names = RIG.arm(stream).joint_names
    return assembler.push_joint_state(stream, stamp_ns, names, [stamp_ns / MS / 1000] * len(names))


def fresh(stamp_ns: int = 1000 * MS) -> ObservationAssembler:
    assembler = ObservationAssembler(RIG)
    for stream in STREAMS:
        push(assembler, stream, stamp_ns)
    return assembler


def contents(observation: Observation) -> dict[str, int]:
    """The stamp in ms that each stream's content carries."""
    found = {name: int(image[0, 0, 0]) for name, image in observation.images.items()}
    found |= {arm.name: round(float(observation.state[RIG.state_slice(arm.name)][0]) * 1000) for arm in RIG.arms}
    return found


@given(schedules, st.integers(0, 60), st.randoms(use_true_random=False))
def test_an_observation_is_the_newest_past_of_every_stream_in_any_order_of_arrival(
    schedule: dict[str, list[int]], at: int, random: object
) -> None:
    schedule = {name: sorted(set(stamps)) for name, stamps in schedule.items()}
    queue = [name for name, stamps in schedule.items() for _ in stamps]
    random.shuffle(queue)  # type: ignore[attr-defined]
    assembler, waiting = ObservationAssembler(RIG, keep_all=True), {n: iter(s) for n, s in schedule.items()}
    for name in queue:
        push(assembler, name, next(waiting[name]) * MS)
    observation = assembler.assemble_at(at * MS, "sort")
    expected = {name: max((s for s in stamps if s <= at), default=None) for name, stamps in schedule.items()}
    if None in expected.values():
        assert isinstance(observation, StaleInput)
        assert expected[observation.stream] is None
    else:
        assert isinstance(observation, Observation)
        assert contents(observation) == expected
        assert {name: stamp // MS for name, stamp in observation.stamps.items()} == expected


@settings(max_examples=50)
@given(schedules, st.integers(0, 400))
def test_live_observations_equal_those_read_later_at_the_same_time(schedule: dict[str, list[int]], late: int) -> None:
    live, later = ObservationAssembler(RIG), ObservationAssembler(RIG, keep_all=True)
    for name, stamps in schedule.items():
        for stamp in stamps:
            push(live, name, stamp * MS)
            push(later, name, stamp * MS)
    observation = live.assemble((60 + late) * MS, "sort")
    if isinstance(observation, StaleInput):
        return
    for name in STREAMS:
        push(later, name, 10_000 * MS)  # what comes afterwards does not matter
    again = later.assemble_at(observation.stamp_ns, "sort")
    assert isinstance(again, Observation)
    assert again.stamps == observation.stamps
    np.testing.assert_array_equal(again.state, observation.state)
    assert observation.stamp_ns == min(max(stamps) for stamps in schedule.values()) * MS
    assert max(observation.stamps.values()) <= observation.stamp_ns


@pytest.mark.parametrize("stream", STREAMS)
def test_a_stream_that_never_came_is_named_with_its_topic_and_remedy(stream: str) -> None:
    assembler = ObservationAssembler(RIG)
    for other in STREAMS:
        if other != stream:
            push(assembler, other, 1000 * MS)
    stale = assembler.assemble(1010 * MS, "sort")
    assert isinstance(stale, StaleInput)
    assert (stale.stream, stale.age_s) == (stream, math.inf)
    assert f"{stream} (/" in str(stale)
    assert "nothing received; start its driver" in str(stale)


@pytest.mark.parametrize("stream", STREAMS)
def test_a_stream_that_stopped_is_named_with_age_and_limit(stream: str) -> None:
    assembler = fresh()
    for other in STREAMS:
        if other != stream:
            push(assembler, other, 1300 * MS)
    stale = assembler.assemble(1310 * MS, "sort")
    assert isinstance(stale, StaleInput)
    assert stale.stream == stream
    assert stale.age_s == pytest.approx(0.31)
    assert "newest is 0.310 s old (limit" in str(stale)


def test_all_stale_streams_are_listed_and_the_stalest_stands_for_them() -> None:
    assembler = fresh()
    assert {item.stream for item in assembler.stale(1150 * MS)} == {"left_arm", "right_arm"}
    assert {item.stream for item in assembler.stale(1300 * MS)} == set(STREAMS)
    stalest = assembler.assemble(1150 * MS, "sort")
    assert isinstance(stalest, StaleInput)
    assert stalest.stream == "left_arm"


def test_stamps_from_the_future_do_not_count_as_fresh() -> None:
    stale = fresh(9000 * MS).assemble(1000 * MS, "sort")
    assert isinstance(stale, StaleInput)
    assert "in the future; synchronise the clocks" in str(stale)


def test_repeated_and_older_stamps_are_refused() -> None:
    assembler = fresh()
    assert not push(assembler, "head", 1000 * MS)
    assert not push(assembler, "left_arm", 999 * MS)
    assert push(assembler, "head", 1001 * MS)


def test_images_are_decoded_once_and_resized_when_asked() -> None:
    assembler = ObservationAssembler(FULL, image_size=(24, 32))
    image = np.full((240, 320, 3), (200, 100, 50), np.uint8)
    for camera in FULL.cameras:
        assembler.push_image(camera.name, 5 * MS, encode_jpeg(image))
    for arm in FULL.arms:
        assembler.push_joint_state(arm.name, 5 * MS, arm.joint_names, arm.home)
    first, second = assembler.assemble_at(5 * MS, ""), assembler.assemble_at(6 * MS, "")
    assert isinstance(first, Observation)
    assert isinstance(second, Observation)
    assert first.images["head"].shape == (24, 32, 3)
    assert first.images["head"] is second.images["head"]
    np.testing.assert_allclose(first.images["head"][0, 0], (200, 100, 50), atol=4)


def test_broken_samples_are_refused_on_arrival() -> None:
    assembler = ObservationAssembler(RIG)
    with pytest.raises(CodecError, match=r"head.*5x3, the rig file says 4x3"):
        assembler.push_image("head", 1, np.zeros((3, 5, 3), np.uint8))
    with pytest.raises(CodecError, match="float64"):
        assembler.push_image("head", 1, np.zeros((3, 4, 3)))
    with pytest.raises(CodecError, match="neither JPEG nor PNG"):
        assembler.push_image("head", 1, b"not an image")
    with pytest.raises(CodecError, match="waist"):
        assembler.push_joint_state("left_arm", 1, ["elbow"], [0.0])


def test_after_a_clear_older_times_are_accepted() -> None:
    assembler = fresh()
    assembler.clear()
    for stream in STREAMS:
        assert push(assembler, stream, 3 * MS)
    assert isinstance(assembler.assemble(4 * MS, ""), Observation)
