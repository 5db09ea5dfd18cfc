"""Keys as requests and verdicts."""

from typing import Any

import pytest

from aloe_data.config import ConfigError
from aloe_data.rig import Rig, RigError
from aloe_data.vocabulary import Authority, RequestKind, Verdict
from aloe_teleop.device import ArmView, Request, View
from aloe_teleop.keys import KeyActions, KeyConfig

MS = 1_000_000
KEYS = ("a", "b", "c", "d", "e", "f")
BOTH = ("left_arm", "right_arm")
MINE = View(arms={arm: ArmView(Authority.HUMAN, "operator") for arm in BOTH})


def actions(rig: Rig, **config: Any) -> KeyActions:
    return KeyActions(KeyConfig(**config), rig, KEYS, "pedals")


def asked(keys: KeyActions, now_ms: int, view: View = View()) -> list[tuple[RequestKind, tuple[str, ...]]]:  # noqa: B008
    return [(request.kind, request.arms) for request in keys.poll(now_ms * MS, view)[0]]


def test_a_take_key_takes_its_arm_and_pressed_again_hands_it_back(rig: Rig) -> None:
    keys = actions(rig, take_left="a", take_both="b")
    keys.feed("a", True, 0)
    assert asked(keys, 0) == [(RequestKind.TAKE, ("left_arm",))]
    keys.feed("a", False, 100 * MS)
    assert asked(keys, 100) == []
    keys.feed("a", True, 200 * MS)
    assert asked(keys, 200, MINE) == [(RequestKind.RELEASE, ("left_arm",))]
    keys.feed("b", True, 300 * MS)
    only_left = View(arms={"left_arm": ArmView(Authority.HUMAN, "operator")})
    assert asked(keys, 300, only_left) == [(RequestKind.TAKE, BOTH)]


def test_an_arm_in_other_hands_is_asked_for_not_handed_back(rig: Rig) -> None:
    keys = actions(rig, take_left="a")
    keys.feed("a", True, 0)
    assert asked(keys, 0, View(arms={"left_arm": ArmView(Authority.HUMAN, "somebody else")})) == [
        (RequestKind.TAKE, ("left_arm",))
    ]


@pytest.mark.parametrize(
    ("on_lift", "ask"), [("release", RequestKind.RELEASE), ("hold", RequestKind.HOLD), ("", RequestKind.HOLD)]
)
def test_a_held_down_key_takes_until_it_is_lifted(rig: Rig, on_lift: str, ask: RequestKind) -> None:
    how = {"on_lift": on_lift} if on_lift else {}
    keys = actions(rig, take_right="a", take="while_pressed", **how)
    keys.feed("a", True, 0)
    assert asked(keys, 0, MINE) == [(RequestKind.TAKE, ("right_arm",))]
    keys.feed("a", False, 500 * MS)
    requests, _ = keys.poll(500 * MS, MINE)
    assert requests == (Request(ask, ("right_arm",), "lifted a", if_held=True),)


def test_a_bouncing_contact_counts_once_at_its_first_touch(rig: Rig) -> None:
    keys = actions(rig, take_left="a", take="while_pressed")
    keys.feed("a", True, 0)
    assert asked(keys, 0) == [(RequestKind.TAKE, ("left_arm",))]
    for ms, is_down in enumerate((False, True, False, True), start=2):
        keys.feed("a", is_down, ms * MS)
    assert asked(keys, 20) == asked(keys, 40) == asked(keys, 60) == []


def test_a_lift_within_the_debounce_time_counts_when_that_is_over(rig: Rig) -> None:
    keys = actions(rig, take_left="a", take="while_pressed")
    keys.feed("a", True, 0)
    keys.feed("a", False, 10 * MS)
    assert asked(keys, 10) == [(RequestKind.TAKE, ("left_arm",))]
    assert asked(keys, 29) == []
    assert asked(keys, 31) == [(RequestKind.HOLD, ("left_arm",))]


def test_a_clock_that_is_set_back_leaves_no_key_waiting(rig: Rig) -> None:
    keys = actions(rig, take_left="a", take="while_pressed")
    keys.feed("a", True, 10_000 * MS)
    keys.feed("a", False, 10_001 * MS)
    assert [ask for ask, _ in asked(keys, 50)] == [RequestKind.TAKE, RequestKind.HOLD]


def test_the_emergency_stop_never_waits_for_a_contact_to_settle(rig: Rig) -> None:
    keys = actions(rig, estop="a")
    for ms, is_down in enumerate((True, False, True)):
        keys.feed("a", is_down, ms * MS)
    assert asked(keys, 3) == [(RequestKind.ESTOP, ()), (RequestKind.ESTOP, ())]


def test_verdicts_and_the_other_requests_come_with_the_press(rig: Rig) -> None:
    keys = actions(rig, success="a", failure="b", release="c", hold="d", reset="e", ready="f")
    keys.feed("a", True, 0)
    assert keys.poll(0, View()) == ((), Verdict.SUCCESS)
    for key in "abcdef":
        keys.feed(key, key != "a", 100 * MS)
    requests, verdict = keys.poll(100 * MS, View())
    assert verdict is Verdict.FAILURE
    assert [request.kind for request in requests] == [
        RequestKind.RELEASE,
        RequestKind.HOLD,
        RequestKind.RESET,
        RequestKind.READY,
    ]


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"take_left": "aa"}, r"pedals: take_left: unknown key 'aa'; did you mean 'a'"),
        ({"take_left": "a", "success": "a"}, "'a' is both take_left and success"),
        ({}, "no key has a meaning; give some of take_left"),
    ],
)
def test_a_mapping_that_cannot_be_meant_is_refused(rig: Rig, config: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        actions(rig, **config)


def test_an_arm_that_the_rig_has_not_is_refused_by_name(rig: Rig) -> None:
    with pytest.raises(RigError, match="no arm 'lef_arm' in the rig; did you mean 'left_arm'"):
        actions(rig, take_left="a", left="lef_arm")
