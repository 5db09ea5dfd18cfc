"""Whatever comes in, the set points that go to a drive move at its speed or stay where the arm is measured."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aloe_control.driver_relay import DriverRelay
from aloe_control.relay_commands import Command
from aloe_control.relay_limits import relay_limits
from aloe_data.rig_file import load_rig
from aloe_data.vocabulary import NS

RIG = load_rig(Path(__file__).parents[2] / "config" / "rig_sim.yaml")
ARM = RIG.arms[0]
LIMITS = replace(relay_limits(RIG, ARM), max_age_ns=100_000_000)
HOME = np.array(ARM.home)
MS = 1_000_000
PERIOD_NS = LIMITS.period_ns
ARM_JOINTS = slice(0, ARM.dof - 1)
ROUNDING = 1e-9


class Drive:
    """An arm behind a relay: it goes where it is told unless it is blocked or off; a person may move it."""

    def __init__(self) -> None:
        self.relay = DriverRelay(LIMITS)
        self.now_ns = 7 * NS
        self.at = HOME.copy()
        self.told: np.ndarray | None = None
        self.follows = True
        self.measures = True

    def pass_time(self, duration_ns: int, every_ns: int = 10 * MS) -> None:
        """Time passes; the relay's timer runs unless `every_ns` is longer than that."""
        end_ns = self.now_ns + duration_ns
        while self.now_ns < end_ns:
            self.now_ns = min(self.now_ns + every_ns, end_ns)
            self.turn()

    def turn(self) -> None:
        """One turn of the relay: what is measured, and the set point that follows from it."""
        if self.measures:
            self.relay.measured(self.at, 0, self.now_ns)
        self.told = self.relay.step(self.now_ns)
        if self.told is not None and self.follows:
            self.at = self.told.copy()

    def send(self, positions, sender="control_node-a", age_ns=0, hold=False):
        refusal = self.relay.command(Command(sender, age_ns, hold, np.asarray(positions, float)), self.now_ns)
        self.turn()
        return refusal

    def follow(self, ticks: int, step: float, joint: int = 0) -> None:
        """Commands every period, each a step further."""
        wanted = self.at.copy()
        for _ in range(ticks):
            wanted[joint] += step
            assert self.send(wanted) is None
            self.pass_time(PERIOD_NS)

    @property
    def jump(self) -> float:
        """How far the arm would jump if it were free now [rad]."""
        assert self.told is not None
        return float(np.abs(self.told - self.at)[ARM_JOINTS].max())

    def sweep(self, ticks: int, share: float = 1.0) -> None:
        """The waist is sent ahead at a share of its full speed."""
        assert self.send(self.at) is None
        self.pass_time(PERIOD_NS)
        wanted = self.at.copy()
        for _ in range(ticks):
            wanted[0] += share * LIMITS.max_velocity[0] * PERIOD_NS / NS
            assert self.send(wanted) is None
            self.pass_time(PERIOD_NS)


@pytest.fixture
def drive() -> Drive:
    drive = Drive()
    drive.turn()
    return drive


def test_nothing_is_sent_before_a_command_was_obeyed(drive):
    drive.pass_time(NS)
    assert drive.told is None
    assert drive.send(HOME + np.array([0.5, 0, 0, 0, 0, 0, 0])).kind == "away"
    assert drive.told is None
    assert drive.send(HOME) is None
    np.testing.assert_array_equal(drive.told, HOME)


def test_commands_on_time_go_through_unchanged(drive):
    drive.send(HOME)
    drive.pass_time(PERIOD_NS)
    wanted = HOME.copy()
    for _ in range(20):
        wanted = wanted + np.append(0.9 * LIMITS.max_velocity[:-1] * PERIOD_NS / NS, 0.0)
        wanted = np.minimum(wanted, LIMITS.upper)
        assert drive.send(wanted) is None
        drive.pass_time(PERIOD_NS)
        np.testing.assert_allclose(drive.told, wanted, atol=1e-12)


def test_an_arm_that_was_blocked_does_not_jump_when_it_is_freed_after_the_commands_have_ended(drive):
    drive.follow(5, 0.02)
    drive.follows = False
    drive.sweep(30, 0.8)
    drive.pass_time(150 * MS)
    assert drive.jump <= 0.02 + ROUNDING
    assert "no command" in drive.relay.state


def test_an_arm_that_is_freed_while_its_commands_go_on_was_never_wound_up_by_more_than_its_leash(drive):
    drive.sweep(5)
    drive.follows = False
    drive.sweep(20)
    assert abs(drive.jump - LIMITS.leash[0]) <= ROUNDING, "1 rad was commanded meanwhile"
    drive.follows = True
    for _ in range(8):
        before = drive.told.copy()
        drive.pass_time(10 * MS)
        assert np.abs(drive.told - before)[0] <= LIMITS.reach(0.01)[0] + ROUNDING, "it catches up at its speed"


@pytest.mark.parametrize("lag_ms", [20, 50, 100])
def test_a_healthy_arm_that_lags_at_full_speed_is_sent_every_command_unchanged(drive, lag_ms):
    drive.send(HOME)
    told = [HOME] * ((lag_ms * MS + PERIOD_NS) // (10 * MS))
    drive.measures = False
    wanted = HOME.copy()
    for turn in range(60):
        if turn % 2 == 0:
            wanted = np.minimum(wanted + np.append(LIMITS.max_velocity[:-1] * PERIOD_NS / NS, 0.0), LIMITS.upper)
            assert drive.send(wanted) is None
        drive.now_ns += 10 * MS
        # The arm stands where it was told to be some time ago, and says so a period of its joint states later.
        drive.relay.measured(told[turn], PERIOD_NS, drive.now_ns)
        told.append(drive.relay.step(drive.now_ns))
        if turn % 2 == 1:
            np.testing.assert_allclose(told[-1], wanted, atol=1e-12)


def test_slow_joints_have_a_leash_that_weight_and_contact_do_not_tighten():
    slow = replace(ARM, joints=tuple(replace(joint, max_velocity=0.01) for joint in ARM.joints))
    np.testing.assert_array_equal(relay_limits(RIG, slow).leash[ARM_JOINTS], 0.1)
    np.testing.assert_array_equal(relay_limits(RIG, slow, slack_rad=0.2).leash[ARM_JOINTS], 0.5)
    assert np.isinf(relay_limits(RIG, slow).leash[-1])


def test_a_drive_that_was_off_takes_up_where_the_arm_has_sunk_to(drive):
    drive.follow(5, 0.02)
    drive.send(drive.at, hold=True)
    drive.follows = False
    for _ in range(100):
        drive.at[1] += 0.01
        drive.pass_time(10 * MS)
        assert drive.jump <= 0.02 + ROUNDING
    stood = drive.at.copy()
    drive.follows = True
    drive.pass_time(NS)
    assert np.abs(drive.at - stood)[ARM_JOINTS].max() <= 0.02 + ROUNDING


def test_a_link_that_was_cut_does_not_end_in_a_leap(drive):
    drive.follow(10, 0.04)
    drive.pass_time(300 * MS)
    stood = drive.at.copy()
    late = stood.copy()
    late[0] += 0.8
    for age_ns in (300 * MS, 200 * MS, 101 * MS):
        assert drive.send(late, age_ns=age_ns).kind == "late"
    assert drive.send(late).kind == "away"
    drive.pass_time(100 * MS)
    np.testing.assert_array_equal(drive.at, stood)


def test_a_relay_that_stood_still_holds_where_the_arm_is_measured_and_not_where_it_was(drive):
    drive.follow(10, 0.04)
    drive.at[0] -= 0.3  # while the relay slept
    drive.now_ns += 400 * MS
    refusal = drive.relay.command(Command("control_node-a", 0, False, drive.at), drive.now_ns)
    assert refusal is not None and refusal.kind == "not measured"
    drive.turn()
    assert drive.jump <= 0.02 + ROUNDING


def test_joint_states_that_waited_while_the_relay_slept_do_not_move_the_arm(drive):
    drive.follow(10, 0.04)
    drive.now_ns += 400 * MS
    drive.relay.measured(HOME, 300 * MS, drive.now_ns)
    before = drive.told.copy()
    np.testing.assert_array_equal(drive.relay.step(drive.now_ns), before)


def test_a_clock_that_steps_by_an_hour_holds_the_arm_and_moves_nothing(drive):
    drive.follow(5, 0.02)
    stood = drive.at.copy()
    hour_ns = 3600 * NS
    assert "do the clocks agree?" in drive.send(stood + 0.01, age_ns=hour_ns).text
    assert "do the clocks agree?" in drive.send(stood + 0.01, age_ns=-hour_ns).text
    drive.measures = False
    for _ in range(20):
        drive.relay.measured(HOME, hour_ns, drive.now_ns)
        drive.relay.measured(HOME, -hour_ns, drive.now_ns)
        drive.pass_time(PERIOD_NS)
    np.testing.assert_array_equal(drive.told, stood)
    assert "another clock" in drive.send(stood).text


def test_a_second_writer_is_refused_and_named_while_the_first_is_alive(drive):
    drive.follow(3, 0.01)
    refusal = drive.send(drive.at, sender="control_node-b")
    assert refusal.kind == "writer"
    assert "'control_node-b' commands beside 'control_node-a'" in refusal.text
    assert drive.relay.following, "a stranger's command stops nobody"
    drive.pass_time(1100 * MS)
    assert drive.send(drive.at, sender="control_node-b") is None


def test_values_that_no_arm_can_follow_hold_it(drive):
    too_high = HOME.copy()
    too_high[1] = ARM.joints[1].upper + 0.01
    broken = HOME.copy()
    broken[2] = np.nan
    leap = HOME.copy()
    leap[3] += 1.0
    for wrong, kind, word in (
        (too_high, "limits", "shoulder"),
        (broken, "not finite", "elbow"),
        (HOME[:-1], "size", "6 positions instead of 7"),
        (leap, "leap", "roll"),
    ):
        assert drive.send(HOME) is None
        refusal = drive.send(wrong)
        assert refusal.kind == kind
        assert word in refusal.text
        assert not drive.relay.following
        assert drive.jump == 0.0


def test_a_joint_that_stands_outside_its_limits_may_be_led_back_in(drive):
    drive.at[1] = ARM.joints[1].upper + 0.1
    drive.turn()
    drive.follow(3, -0.02, joint=1)
    further = drive.at.copy()
    further[1] += 0.05
    assert drive.send(further).kind == "limits"


def test_a_held_arm_keeps_its_grip_until_the_fingers_have_moved(drive):
    drive.send(HOME)
    closed = HOME.copy()
    closed[-1] = 0.0
    drive.at[-1] = 0.03
    for _ in range(20):
        assert drive.send(closed) is None
        drive.at[-1] = 0.03  # closed on something
        drive.pass_time(PERIOD_NS)
        drive.at[-1] = 0.03
    drive.follows = False
    drive.pass_time(NS)
    assert drive.told[-1] == 0.0
    drive.at[-1] = 0.02
    drive.pass_time(20 * MS)
    assert abs(drive.told[-1] - 0.02) <= LIMITS.slack[-1] + ROUNDING


@dataclass(frozen=True)
class Event:
    """Something that happens to relay or arm; `size` and `joint` say how much of it and where."""

    kind: str
    size: float
    joint: int


KINDS = ("go",) * 4 + (
    "hold",
    "silence",
    "stall",
    "late",
    "future",
    "repeat",
    "leap",
    "nan",
    "size",
    "writer",
    "jitter",
)
KINDS += ("jitter", "block", "free", "sink", "push", "blind", "see", "broken_joints")
EVENT = st.builds(Event, st.sampled_from(KINDS), st.floats(-1.0, 1.0), st.integers(0, ARM.dof - 2))


class Witness(Drive):
    """Sees every set point that goes out."""

    def __init__(self) -> None:
        super().__init__()
        self.before: np.ndarray | None = None
        self.before_ns = self.now_ns
        self.obeyed_ns = 0
        self.wanted = HOME.copy()

    def turn(self) -> None:
        super().turn()
        if self.told is None:
            return
        measured, told = self.relay._measured, self.told
        silent = self.now_ns - self.obeyed_ns > 100 * MS
        if self.before is not None:
            moved = np.abs(told - self.before)
            allowed = LIMITS.reach((self.now_ns - self.before_ns) / NS)
            away = np.abs(told - measured)
            toward = away <= np.abs(self.before - measured) + ROUNDING
            near = away <= LIMITS.slack + ROUNDING
            drawn = toward & (away >= LIMITS.leash - ROUNDING)
            assert ((moved <= allowed + ROUNDING) | near | drawn).all(), "a set point is out of reach"
            assert (away <= LIMITS.leash + ROUNDING).all(), "an arm is wound up by more than its leash"
            if silent:
                assert ((moved <= ROUNDING) | toward).all(), "an old command is still on its way"
        if (silent or not self.relay.following) and self.measures:
            assert (np.abs(told - measured) <= LIMITS.slack + ROUNDING)[ARM_JOINTS].all(), "a held arm would jump"
        self.before = told.copy()
        self.before_ns = self.now_ns

    def send(self, *args, **options):
        refusal = super().send(*args, **options)
        if refusal is None and not options.get("hold"):
            self.obeyed_ns = self.now_ns
        return refusal

    def happen(self, event: Event) -> None:
        """One event, and some time."""
        aside = np.zeros(ARM.dof)
        aside[event.joint] = event.size
        if event.kind == "go":
            self.wanted = np.clip(self.wanted + 0.05 * aside, LIMITS.lower, LIMITS.upper)
            self.send(self.wanted)
        elif event.kind == "jitter":
            self.send(self.wanted)
            self.pass_time(MS)
            self.send(self.wanted + 0.05 * aside)
        elif event.kind == "hold":
            self.wanted = self.at.copy()
            self.send(self.at, hold=True)
        elif event.kind in ("silence", "stall"):
            duration_ns = round(abs(event.size) * 500) * MS
            self.pass_time(duration_ns, 10 * MS if event.kind == "silence" else max(1, duration_ns))
            self.send(self.wanted + 0.02 * aside)
        elif event.kind in ("late", "future"):
            self.send(self.wanted, age_ns=round(event.size * NS) * (1 if event.kind == "late" else -1))
        elif event.kind == "repeat":
            for _ in range(5):
                self.send(self.wanted)
        elif event.kind == "leap":
            self.send(self.wanted + 3.0 * aside)
        elif event.kind == "nan":
            self.send(self.wanted * np.where(aside == 0.0, 1.0, np.nan))
        elif event.kind == "size":
            self.send(self.wanted[: event.joint])
        elif event.kind == "writer":
            self.send(self.wanted + 0.1 * aside, sender="control_node-b")
        elif event.kind in ("block", "free"):
            self.follows = event.kind == "free"
        elif event.kind == "sink":
            self.follows = False
            self.at = self.at + 0.2 * aside
        elif event.kind == "push":
            self.at = self.at + aside
        elif event.kind in ("blind", "see"):
            self.measures = event.kind == "see"
        elif event.kind == "broken_joints":
            self.relay.measured(np.full(ARM.dof, np.nan), 0, self.now_ns)
            self.relay.measured(self.at[: event.joint], 0, self.now_ns)
        self.pass_time(PERIOD_NS)


@settings(max_examples=200)
@given(st.lists(EVENT, min_size=10, max_size=80))
def test_whatever_happens_set_points_move_at_the_arms_speed_on_its_leash_or_stay_where_it_is_measured(
    events,
):
    drive = Witness()
    drive.turn()
    drive.send(HOME)
    for event in events:
        drive.happen(event)
