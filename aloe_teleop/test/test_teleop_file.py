"""Teleop files: the shipped ones, and what is refused."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from aloe_data.config import ConfigError
from aloe_data.operator_devices import teleop_devices
from aloe_data.rig import Rig
from aloe_teleop.devices import keyboard
from aloe_teleop.teleop_file import load_devices

CONFIG = Path(__file__).parents[2] / "config"
PEDALS = "kind: pedals, device: FootSwitch, take_left: KEY_A"
LEADER = "kind: leader, topic: /leader/joint_states"


def load(tmp_path: Path, rig: Rig, *devices: str, operator: str = "operator: maria") -> object:
    path = tmp_path / "teleop_test.yaml"
    path.write_text("\n".join([operator, "devices:", *(f"  {device}" for device in devices)]))
    return load_devices(path, rig)


@pytest.mark.parametrize("simulated", [True, False])
@pytest.mark.parametrize("path", sorted(CONFIG.glob("teleop_*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_file_makes_its_devices_where_none_is_plugged_in(
    path: Path, simulated: bool, rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    person, terminal = os.openpty()
    monkeypatch.setattr(keyboard.sys, "stdin", os.fdopen(terminal))
    monkeypatch.setattr(keyboard.os, "tcgetpgrp", lambda _: os.getpgrp())
    operator, devices = load_devices(path, replace(rig, simulated=simulated))
    assert operator
    assert any(device.asks for device in devices.values())
    for device in devices.values():
        device.close()
    os.close(person)


@pytest.mark.parametrize("path", sorted(CONFIG.glob("teleop_*.yaml")), ids=lambda path: path.stem)
def test_with_every_shipped_file_people_can_stop_reset_and_say_that_they_are_ready(path: Path) -> None:
    devices = teleop_devices(path).values()
    if any(device["kind"] == "scripted" for device in devices):
        assert all({"tries_stop", "says_ready"} <= device.keys() for device in devices)
        return
    for action in ("estop", "reset", "ready"):
        assert sum(action in device for device in devices) == 1, f"{action}: one key, on one device"


def test_devices_have_names_of_their_own(tmp_path: Path, rig: Rig) -> None:
    left, right = (f"{side}: {{{LEADER}, arm: {side}_arm}}" for side in ("left", "right"))
    operator, devices = load(tmp_path, rig, f"foot: {{{PEDALS}}}", left, right)
    assert operator == "maria"
    assert {name: device.arms for name, device in devices.items()} == {
        "foot": (),
        "left": ("left_arm",),
        "right": ("right_arm",),
    }


@pytest.mark.parametrize(
    ("devices", "message"),
    [
        (["foot: {kind: pedal}"], r"devices.foot.kind: unknown value 'pedal'; did you mean 'pedals'"),
        ([f"foot: {{{PEDALS}, sucess: KEY_B}}"], "devices.foot: unknown parameter 'sucess'; did you mean 'success'"),
        (["foot: {kind: pedals, take_left: KEY_A}"], "devices.foot: parameter 'device' is missing"),
        ([f"foot: {{{PEDALS}, failure: KEY_BB}}"], "devices.foot: foot: failure: unknown key 'KEY_BB'; did you mean"),
        ([f"a: {{{LEADER}, arm: left_arn}}"], "devices.a: no arm 'left_arn' in the rig; did you mean 'left_arm'"),
        (
            [f"a: {{{LEADER}, arm: left_arm}}", f"b: {{{LEADER}, arm: left_arm}}"],
            "'a' and 'b' both command left_arm; leave it to one",
        ),
        (["foot: [1]"], "devices.foot: expected a mapping"),
        (
            [f"foot: {{{PEDALS}, take: while_pressed}}"],
            "devices.foot: on_lift: hold lets the arm hold .* no key hands it back; give `release` a key",
        ),
        ([f"foot: {{{PEDALS}, estop: KEY_B}}"], "devices.foot: estop is 'KEY_B', and no key clears the stop; give `re"),
        (
            [f"foot: {{{PEDALS}, hold: KEY_B}}"],
            "devices.foot: hold is 'KEY_B', and no key hands right_arm back; give `release` a key",
        ),
        ([f"foot: {{{PEDALS}}}", f"foot: {{{PEDALS}}}"], "key 'foot' is given twice"),
    ],
)
def test_a_wrong_file_is_refused_with_place_and_remedy(
    tmp_path: Path, rig: Rig, devices: list[str], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        load(tmp_path, rig, *devices)


def test_a_key_of_one_device_may_end_what_another_begins(tmp_path: Path, rig: Rig) -> None:
    pad = "pad: {kind: pedals, device: Keypad, release: KEY_C, reset: KEY_D}"
    load(tmp_path, rig, f"foot: {{{PEDALS}, take: while_pressed, estop: KEY_B}}", pad)
    load(tmp_path, rig, f"foot: {{{PEDALS}, hold: KEY_B}}", "pad: {kind: pedals, device: Keypad, take_right: KEY_C}")


def test_on_a_real_rig_a_file_with_which_nobody_can_stop_reset_or_say_ready_is_refused(
    tmp_path: Path, rig: Rig
) -> None:
    real = replace(rig, simulated=False)
    leader = f"a: {{{LEADER}, arm: left_arm}}"
    for devices, missing in (
        ([f"foot: {{{PEDALS}}}"], "estop, reset, ready"),
        ([leader], "estop, reset, ready"),
        ([leader, f"foot: {{{PEDALS}, estop: KEY_B, reset: KEY_C}}"], "ready"),
    ):
        with pytest.raises(ConfigError, match=f"is real, and no device has a key for {missing}; give"):
            load(tmp_path, real, *devices)
    load(tmp_path, real, leader, f"foot: {{{PEDALS}, estop: KEY_B, reset: KEY_C, ready: KEY_D}}")


def test_a_missing_file_names_those_that_are_there(rig: Rig) -> None:
    with pytest.raises(ConfigError, match=r"no such teleop file; teleop files in that folder: .*teleop_pedals.yaml"):
        load_devices(CONFIG / "teleop_pedal.yaml", rig)
