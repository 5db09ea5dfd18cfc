"""Values of people's commands: where no device can stand and what no hand does lets the arm go."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aloe_control.human_commands import CommandGuard, CommandUnsafe, HumanCommand
from aloe_control.tick import ControlConfig
from aloe_data.rig_file import load_rig
from aloe_data.vocabulary import CommandMode

RIG = load_rig(Path(__file__).parents[2] / "config" / "rig_sim.yaml")
ARM = RIG.arms[0]
HOME = np.array(ARM.home)
UPRIGHT = np.r_[0.3, 0.1, 0.2, 1, 0, 0, 0, 1, 0, 0.03]
TICK = 20_000_000
WAIST, SHOULDER = np.eye(7)[0], np.eye(7)[1]


class Device:
    """Sends commands for one arm, one per tick."""

    def __init__(self, mode: CommandMode = CommandMode.JOINT_POSITION, relative: bool = False) -> None:
        self.guard = CommandGuard(RIG, ARM, ControlConfig())
        self.mode, self.relative, self.sequence = mode, relative, 0

    def send(self, data: np.ndarray) -> None:
        self.sequence += 1
        now_ns = self.sequence * TICK
        command = HumanCommand(ARM.name, now_ns, self.sequence, "ana", self.mode, self.relative, True, data)
        with np.errstate(over="ignore", invalid="ignore"):
            self.guard.check(command, now_ns)


@pytest.mark.parametrize("relative", [False, True])
@pytest.mark.parametrize("mode", [CommandMode.JOINT_POSITION, CommandMode.EE_POSE, CommandMode.EE_TWIST])
@settings(max_examples=40, deadline=None)
@given(value=st.one_of(st.floats(15.0, 1e300), st.floats(-1e300, -15.0)), column=st.integers(0, 9))
def test_a_first_command_is_huge_in_no_value_whatever_its_mode(mode, relative, value, column):
    data = {CommandMode.JOINT_POSITION: HOME, CommandMode.EE_POSE: UPRIGHT, CommandMode.EE_TWIST: np.zeros(7)}[
        mode
    ].copy()
    data[column % len(data)] = value
    with pytest.raises(CommandUnsafe, match=r"check the device|has no rotation"):
        Device(mode, relative).send(data)


def test_a_leader_may_stand_a_little_beyond_the_arms_limits_and_no_further():
    limit = ARM.joints[0].upper
    Device().send(HOME * (1 - WAIST) + (limit + 0.4) * WAIST)
    with pytest.raises(CommandUnsafe, match=r"asks for 3.2 rad of 'waist', which is not in -3.1 to 3.1"):
        Device().send(HOME * (1 - WAIST) + (limit + 0.6) * WAIST)
    Device(relative=True).send(HOME * (1 - WAIST) + (limit + 0.6) * WAIST)


def test_a_leader_arm_that_is_dropped_is_let_go_before_it_has_fallen_far():
    device = Device()
    with pytest.raises(CommandUnsafe, match=r"falls with .* rad/s in 'shoulder'"):
        for tick in range(40):
            fallen = 0.5 * 15.0 * (0.02 * tick) ** 2  # as half a metre of arm, level, with the friction of its gears
            device.send(HOME + fallen * SHOULDER)
    assert fallen < 0.7


@pytest.mark.parametrize("relative", [False, True])
def test_hands_that_lead_quickly_are_followed(relative):
    device = Device(relative=relative)
    for tick in range(100):
        device.send(HOME + 0.55 * np.sin(2.0 * np.pi * 0.02 * tick) * SHOULDER)  # 3.5 rad/s at most


def test_a_sample_that_jumps_further_than_a_hand_moves_in_its_time_is_no_hand():
    device = Device()
    device.send(HOME)
    with pytest.raises(CommandUnsafe, match=r"jumps or falls with 8\.33 rad/s in 'waist' \(limit 3.75\)"):
        device.send(HOME + 0.5 * WAIST)


@pytest.mark.parametrize(("speed", "is_hand"), [(1.5, True), (3.0, False)])
def test_a_tracker_that_flies_through_the_room_is_held_by_no_hand(speed, is_hand):
    device = Device(CommandMode.EE_POSE)

    def fly() -> None:
        for tick in range(10):
            device.send(UPRIGHT + speed * 0.02 * tick * np.eye(10)[0])

    if is_hand:
        fly()
    else:
        with pytest.raises(CommandUnsafe, match=r"m/s \(limit 2\)"):
            fly()
