from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from aloe_data.finding import Finding, Level
from aloe_data.recording import RecordedTopic, recorded_topics
from aloe_data.rig_file import load_rig
from aloe_data.rig_streams import Endpoint, Measured, Stream, streams_of
from aloe_data.stream_checks import check_clocks, check_contents, check_images, check_qos, check_rates, check_topics

RIG = load_rig(Path(__file__).parents[2] / "config" / "rig_sim.yaml")
CAMERA = replace(RIG.camera("head"), topic="/head")
HEAD = Stream("camera head", CAMERA.topic, CAMERA.message_type, max_age_s=0.5, rate_hz=30.0, camera=CAMERA)
DRIVER = Endpoint("driver", HEAD.type)
SECOND = 1_000_000_000
BEGAN = 1_700_000_000 * SECOND


def heard(seconds: float = 2.0, rate_hz: float = 30.0, age_s: float = 0.004) -> Measured:
    """A stream without fault."""
    arrivals = [BEGAN + round((i + 0.5) * SECOND / rate_hz) for i in range(round(seconds * rate_hz))]
    return Measured(
        publishers=(DRIVER,),
        began_ns=BEGAN,
        ended_ns=BEGAN + round(seconds * SECOND),
        arrivals_ns=arrivals,
        stamps_ns=[arrival - round(age_s * SECOND) for arrival in arrivals],
        contents=list(range(len(arrivals))),
        sizes=[40_000] * len(arrivals),
    )


def checked(measured: Measured) -> list[Finding]:
    return [
        finding
        for check in (check_rates, check_clocks, check_images, check_contents)
        for finding in check([HEAD], {HEAD.topic: measured})
    ]


def only(findings: list[Finding], check: str) -> Finding:
    """The one finding of a check, where nothing else is wrong."""
    assert [f.check for f in findings if f.level > Level.OK] == [check], findings
    return next(finding for finding in findings if finding.level > Level.OK)


def test_a_sound_stream_gives_one_line_per_check_and_none_with_a_remedy() -> None:
    found = checked(heard())
    assert [f.check for f in found] == ["rate", "clock", "images", "contents"]
    assert all(f.level is Level.OK and not f.remedy for f in found)
    assert "100 % of its rate" in found[0].what and "4 to 4 ms" in found[1].what


def test_streams_of_a_rig_are_its_cameras_and_joint_states() -> None:
    streams = streams_of(RIG)
    assert [s.name for s in streams] == [
        "camera head",
        "camera left_wrist",
        "camera right_wrist",
        *("left_arm", "right_arm"),
    ]
    assert {s.topic for s in streams} < {topic.name for topic in recorded_topics(RIG, use_sim_time=False)}


def test_topics_without_a_publisher_are_named_in_one_line_with_what_starts_them() -> None:
    streams = streams_of(RIG)
    silent = {stream.topic: Measured() for stream in streams}
    (finding,) = check_topics(streams, silent, simulated=True)
    assert finding.level is Level.FAIL and "rollout.launch.py" in finding.remedy
    assert all(stream.topic in finding.what for stream in streams)
    assert "start their drivers" in check_topics(streams, silent, simulated=False)[0].remedy
    assert not [*check_rates(streams, silent), *check_clocks(streams, silent), *check_images(streams, silent)]


def test_a_second_publisher_and_a_wrong_type_are_named() -> None:
    played = replace(heard(), publishers=(DRIVER, Endpoint("rosbag2_player", "sensor_msgs/msg/Image")))
    twice, wrong = check_topics([HEAD], {HEAD.topic: played}, simulated=False)
    assert "driver, rosbag2_player publish /head" in twice.what and "bag" in twice.remedy
    assert "rosbag2_player publishes sensor_msgs/msg/Image on /head" in wrong.what
    assert "'transport: raw'" in wrong.remedy


def test_a_camera_that_publishes_by_the_other_transport_is_not_called_silent() -> None:
    raw = Measured(publishers=(Endpoint("driver", "sensor_msgs/msg/Image"),))
    measured = {HEAD.topic: replace(heard(), publishers=()), "/head/compressed": Measured()}
    (silent,) = check_topics([HEAD], measured, simulated=False)
    assert "nobody publishes camera head (/head)" in silent.what
    camera = replace(CAMERA, topic="/head/compressed")
    stream = replace(HEAD, topic=camera.topic, camera=camera)
    (wrong,) = check_topics([stream], {"/head/compressed": Measured(), "/head": raw}, simulated=False)
    assert "nobody publishes /head/compressed" in wrong.what and "write 'topic: /head'" in wrong.remedy


@pytest.mark.parametrize("reliable", [True, False])
@pytest.mark.parametrize("latched", [True, False])
def test_a_publisher_that_offers_less_than_the_suite_asks_for_fails(reliable: bool, latched: bool) -> None:
    topic = RecordedTopic("/intervention", "aloe_msgs/msg/Intervention", latched=True)
    offer = Endpoint("own_control", topic.type, reliable=reliable, latched=latched)
    found = check_qos([topic], {topic.name: Measured(publishers=(offer,))})
    lack = [word for word, offered in (("reliable", reliable), ("latched", latched)) if not offered]
    assert found[0].level is (Level.FAIL if lack else Level.OK)
    assert all(word in found[0].what and word in found[0].remedy for word in lack)


def test_best_effort_cameras_are_welcome_but_a_foreign_reliable_subscription_hears_nothing() -> None:
    camera = RecordedTopic("/head", HEAD.type, rate_hz=30.0)
    offer = Endpoint("driver", HEAD.type, reliable=False)
    assert check_qos([camera], {"/head": Measured(publishers=(offer,))})[0].level is Level.OK
    viewer = Measured(publishers=(offer,), subscriptions=(Endpoint("viewer", HEAD.type),))
    assert "viewer asks for reliable, driver does not" in only(check_qos([camera], {"/head": viewer}), "qos").what
    assert not check_qos([camera], {"/head": Measured()})


def test_a_slow_stream_warns_and_a_pause_at_which_arms_hold_fails() -> None:
    slow = only(checked(heard(rate_hz=15.0)), "rate")
    assert slow.level is Level.WARN and "15.0 Hz of 30" in slow.what and "best effort" not in slow.remedy
    lossy = replace(heard(rate_hz=15.0), publishers=(replace(DRIVER, reliable=False),))
    assert "best effort loses large messages" in only(checked(lossy), "rate").remedy
    assert "rate_hz" in only(checked(heard(rate_hz=60.0)), "rate").remedy
    stopped = replace(heard(), ended_ns=BEGAN + 3 * SECOND)
    assert only(checked(stopped), "rate").level is Level.FAIL
    nothing = Measured(publishers=(DRIVER,), began_ns=BEGAN, ended_ns=BEGAN + SECOND)
    assert "nothing came in 1.0 s" in only(checked(nothing), "rate").what


@pytest.mark.parametrize(
    ("age_s", "level", "word"),
    [
        (-0.005, Level.OK, ""),
        (-0.2, Level.WARN, "0.200 s in the future"),
        (-0.7, Level.FAIL, "0.700 s in the future"),
        (0.3, Level.WARN, "near its max_age_s"),
        (0.7, Level.FAIL, "max_age_s 0.5 s"),
        (1.6e9, Level.FAIL, "synchronise"),
    ],
)
def test_stamps_are_judged_by_their_age_on_arrival(age_s: float, level: Level, word: str) -> None:
    finding = next(f for f in checked(heard(age_s=age_s)) if f.check == "clock")
    assert finding.level is level and word in str(finding)


def test_stamps_that_are_zero_or_go_back_are_named() -> None:
    zero = heard()
    zero.stamps_ns = [0] * len(zero.stamps_ns)
    assert "stamps are zero" in only(checked(zero), "clock").what
    back = heard()
    back.stamps_ns[10] = back.stamps_ns[9]
    assert "1 of 60 stamps" in only(checked(back), "clock").what


def test_a_frozen_camera_fails_and_one_that_repeats_itself_warns() -> None:
    frozen, twice, rest = heard(), heard(), heard()
    frozen.contents = [7] * len(frozen.contents)
    assert only(checked(frozen), "images").level is Level.FAIL
    twice.contents = [i // 2 for i in range(len(twice.contents))]
    assert "50 % of its images" in only(checked(twice), "images").what
    rest.contents[3] = rest.contents[2]
    assert all(f.level is Level.OK for f in checked(rest))
    arm = replace(HEAD, camera=None)
    assert not check_images([arm], {arm.topic: frozen}), "arms may stand still"


def test_what_a_node_would_refuse_is_told_in_its_words() -> None:
    finding = only(checked(replace(heard(), fault="camera head: image is 8x8")), "contents")
    assert str(finding) == "FAIL  contents   camera head: image is 8x8"


def test_the_figures_of_a_stream_are_those_of_its_messages() -> None:
    assert heard().rate_hz == pytest.approx(30.0) and heard().bytes_per_s == pytest.approx(1.2e6)
    assert Measured().rate_hz == Measured().bytes_per_s == 0.0
    assert np.all(np.diff(heard().arrivals_ns) > 0)
