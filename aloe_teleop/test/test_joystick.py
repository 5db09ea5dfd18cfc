"""Gamepads and the SpaceMouse."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from evdev import ecodes

from aloe_data.config import ConfigError
from aloe_data.rig import Rig
from aloe_data.vocabulary import CommandMode, RequestKind
from aloe_teleop.device import View
from aloe_teleop.devices.joystick import Joystick, JoystickConfig

MS = 1_000_000
MakeDevice = Callable[..., Any]
STICKS = {ecodes.ABS_X: (0, -32768, 32767), ecodes.ABS_Z: (0, 0, 255), ecodes.ABS_RZ: (0, 0, 255)}


def joystick(rig: Rig, device: Any, **config: Any) -> Joystick:
    options = {"x": "-ABS_X", "z": "ABS_RZ-ABS_Z", "gripper": "BTN_EAST-BTN_SOUTH", "take_left": "BTN_TL"} | config
    return Joystick("pad", JoystickConfig(device="pad", **options), rig, device.open)


def twist(pad: Joystick, now_ms: int) -> list[float]:
    commands = pad.poll(now_ms * MS, View()).commands
    assert {command.mode for command in commands.values()} == {CommandMode.EE_TWIST}
    assert [list(command.data) for command in commands.values()] == [list(commands["left_arm"].data)] * 2
    return [round(float(value), 4) for value in commands["left_arm"].data]


def test_sticks_triggers_and_buttons_drive_all_directions_at_their_speeds(rig: Rig, make_device: MakeDevice) -> None:
    device = make_device(axes=STICKS)
    pad = joystick(rig, device, speed_m_s=0.2, gripper_m_s=0.05)
    assert twist(pad, 0) == [0.0] * 7
    device.send("ABS_X", -32768)
    device.send("ABS_Z", 255)
    device.send("BTN_EAST", 1)
    assert twist(pad, 20) == [0.2, 0.0, -0.2, 0.0, 0.0, 0.0, 0.05]
    device.send("ABS_RZ", 255)
    device.send("BTN_EAST", 0)
    assert twist(pad, 40) == [0.2, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]


def test_a_stick_within_its_dead_zone_is_at_rest_and_leaves_it_without_a_step(
    rig: Rig, make_device: MakeDevice
) -> None:
    device = make_device(axes=STICKS)
    pad = joystick(rig, device, speed_m_s=1.0, dead_zone=0.2)
    pad.poll(0, View())
    speeds = []
    for value in np.linspace(0, -32768, 50):
        device.send("ABS_X", int(value))
        speeds.append(twist(pad, 20)[0])
    assert speeds[9] == 0.0
    assert speeds[-1] == 1.0
    assert np.diff(speeds).min() >= 0.0
    assert np.diff(speeds).max() < 0.03


def test_the_dead_mans_button_takes_and_lets_go(rig: Rig, make_device: MakeDevice) -> None:
    device = make_device(axes=STICKS)
    pad = joystick(rig, device, take="while_pressed", on_lift="hold")
    pad.poll(0, View())
    device.send("BTN_TL", 1)
    assert [r.kind for r in pad.poll(20 * MS, View()).requests] == [RequestKind.TAKE]
    device.send("BTN_TL", 0)
    assert [r.kind for r in pad.poll(90 * MS, View()).requests] == [RequestKind.HOLD]


def test_a_relative_axis_that_falls_silent_is_back_at_rest(rig: Rig, make_device: MakeDevice) -> None:
    device = make_device()
    pad = joystick(rig, device, x="REL_X", z="", gripper="", relative_range=100, speed_m_s=0.1, dead_zone=0.0)
    pad.poll(0, View())
    device.send("REL_X", 50)
    assert twist(pad, 20)[0] == 0.05
    assert twist(pad, 100)[0] == 0.05
    assert twist(pad, 130)[0] == 0.0


def test_an_unplugged_gamepad_gives_no_command_and_starts_at_rest_when_it_is_back(
    rig: Rig, make_device: MakeDevice
) -> None:
    device = make_device(axes=STICKS)
    pad = joystick(rig, device)
    pad.poll(0, View())
    device.send("ABS_X", -32768)
    assert twist(pad, 20)[0] > 0
    device.unplug()
    sample = pad.poll(40 * MS, View())
    assert sample.commands == {}
    assert "plug it in again" in sample.problem
    device.plug_in()
    assert twist(pad, 640) == [0.0] * 7


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"x": "ABS_XX"}, "unknown key or axis 'ABS_XX'; did you mean 'ABS_"),
        ({"x": "A-B-C"}, "x: 'A-B-C' is no axis; write NAME, -NAME or FORTH-BACK"),
        ({"x": "", "z": "", "gripper": ""}, "nothing drives the arms; give some of x, y"),
    ],
)
def test_axes_that_cannot_be_meant_are_refused(
    rig: Rig, make_device: MakeDevice, config: dict[str, str], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        joystick(rig, make_device(), **config)
