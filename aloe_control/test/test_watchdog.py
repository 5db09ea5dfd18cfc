"""Unhealthy streams are named with age, limit and remedy."""

from pathlib import Path

from aloe_control.watchdog import Stream, Watchdog, arm_stream, camera_stream, required_streams
from aloe_data.rig_file import load_rig
from aloe_data.vocabulary import NS

AHEAD = NS // 25


def watchdog() -> Watchdog:
    return Watchdog([Stream("a", 0.1, "plug a in"), Stream("b", 0.5, "plug b in")], AHEAD)


def test_streams_that_never_published_are_named():
    assert watchdog().problems(NS) == [
        "a has never published (limit 0.1 s); plug a in",
        "b has never published (limit 0.5 s); plug b in",
    ]


def test_a_stream_is_healthy_up_to_its_limit_and_then_silent():
    dog = watchdog()
    dog.seen("a", NS), dog.seen("b", NS)
    assert dog.problems(NS + NS // 10) == []
    assert dog.problems(NS + NS // 4) == ["a is silent for 0.250 s (limit 0.1 s); plug a in"]


def test_a_repeated_or_older_stamp_is_no_sign_of_life():
    dog = watchdog()
    assert dog.seen("a", NS)
    assert not dog.seen("a", NS) and not dog.seen("a", NS - NS // 20)
    assert "a is silent" in dog.problems(2 * NS)[0]


def test_bad_data_is_a_problem_until_the_next_good_sample():
    dog = watchdog()
    dog.seen("a", NS), dog.seen("b", NS)
    dog.spoil("a", "joint 'elbow' is not finite")
    assert dog.problems(NS) == ["a: joint 'elbow' is not finite; plug a in"]
    dog.seen("a", NS + 1)
    assert dog.problems(NS + 1) == []


def test_stamps_of_another_clock_are_told_apart_from_silence():
    dog = watchdog()
    dog.seen("a", 5 * NS), dog.seen("b", 5 * NS)
    assert "in the future by this node's clock" in dog.problems(4 * NS)[0]
    assert "use_sim_time" in dog.problems(1_700_000_000 * NS)[0]


def test_one_stamp_from_the_future_is_a_problem_until_the_next_good_sample_and_no_longer():
    dog = Watchdog([Stream("joints", 0.1, "look")], AHEAD)
    dog.seen("joints", 4 * NS)
    dog.seen("joints", 1000 * NS)
    assert all("995.900 s in the future by this node's clock" in dog.problems(4 * NS + NS // 10)[0] for _ in range(3))
    assert dog.seen("joints", 4 * NS + NS // 10)
    assert dog.problems(4 * NS + NS // 10) == []


def test_a_rig_requires_all_its_arms_and_cameras():
    rig = load_rig(Path(__file__).parents[2] / "config" / "rig_sim.yaml")
    names = {stream.name for stream in required_streams(rig)}
    assert names == {arm_stream(a.name) for a in rig.arms} | {camera_stream(c.name) for c in rig.cameras}
