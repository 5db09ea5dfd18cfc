"""Pedals on a recorded event stream, and on a virtual device of the kernel where there is one."""

import os
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from aloe_data.config import ConfigError
from aloe_data.rig import Rig
from aloe_data.vocabulary import CommandMode, RequestKind
from aloe_teleop.device import View, Waitable
from aloe_teleop.devices.pedals import PedalConfig, Pedals

MS = 1_000_000
LEFT = (RequestKind.TAKE, ("left_arm",))
MakeDevice = Callable[..., Any]


class Bench:
    """Pedals on a recorded device, polled by the test."""

    def __init__(self, rig: Rig, device: Any, **config: Any) -> None:
        self.device = device
        keys = {"take_left": "KEY_A", "take_both": "KEY_B", "estop": "KEY_ESC"}
        self.pedals = Pedals("foot", PedalConfig(device="FootSwitch", **{**keys, **config}), rig, device.open)
        self.now_ms = 0
        self.problem = ""

    def poll(self, after_ms: int = 20) -> list[tuple[RequestKind, tuple[str, ...]]]:
        self.now_ms += after_ms
        sample = self.pedals.poll(self.now_ms * MS, View())
        self.problem = sample.problem
        return [(request.kind, request.arms) for request in sample.requests]


@pytest.fixture
def bench(rig: Rig, make_device: MakeDevice) -> Bench:
    made = Bench(rig, make_device())
    assert made.poll() == []
    return made


def test_a_pedal_takes_the_arm_in_the_poll_after_its_press(bench: Bench) -> None:
    bench.device.send("KEY_A", 1)
    bench.device.send("KEY_A", 2)  # autorepeat
    bench.device.send("KEY_Z", 1)  # without a meaning
    assert bench.poll() == [LEFT]
    assert bench.problem == ""


def test_pedals_alone_make_arms_stand_still(rig: Rig, make_device: MakeDevice) -> None:
    pedals = Bench(rig, make_device(), arms=("left_arm",)).pedals
    command = pedals.poll(0, View()).commands["left_arm"]
    assert (command.mode, list(command.data)) == (CommandMode.EE_TWIST, [0.0] * 7)


def test_an_unplugged_pedal_says_so_and_works_again_once_it_is_back(bench: Bench) -> None:
    bench.device.unplug()
    assert bench.poll() == []
    assert bench.problem == "foot: No such device; plug it in again"
    assert bench.pedals.files() == ()
    assert bench.poll(600) == []
    assert bench.problem == "foot: 'FootSwitch' is not there"
    bench.device.plug_in()
    assert bench.poll(600) == []
    assert bench.problem == ""
    bench.device.send("KEY_A", 1)
    assert bench.poll() == [LEFT]


def test_what_was_pressed_as_the_device_died_counts_no_more_when_it_is_back(bench: Bench) -> None:
    bench.device.send("KEY_A", 1)
    assert bench.poll() == [LEFT]
    bench.device.unplug()
    bench.poll()
    bench.device.plug_in()  # the pedal is still down, and is lifted only now
    assert bench.poll(600) == []
    bench.device.send("KEY_A", 0)
    assert bench.poll() == []
    bench.device.send("KEY_A", 1)
    assert bench.poll() == [LEFT]


def test_an_emergency_stop_that_is_down_from_the_start_stops(rig: Rig, make_device: MakeDevice) -> None:
    device = make_device()
    device.down = {1, 30}  # KEY_ESC, KEY_A
    assert Bench(rig, device).poll() == [(RequestKind.ESTOP, ())]


def test_a_lift_that_the_kernel_dropped_is_found(rig: Rig, make_device: MakeDevice) -> None:
    bench = Bench(rig, make_device(), take="while_pressed")
    bench.poll()
    bench.device.send("KEY_A", 1)
    assert bench.poll() == [LEFT]
    bench.device.down.clear()
    bench.device.send_raw(0, 3, 0)  # SYN_DROPPED
    assert bench.poll(50) == [(RequestKind.HOLD, ("left_arm",))]


def test_a_held_key_is_asked_for_in_every_poll_and_does_not_stay_down_for_want_of_an_event(
    rig: Rig, make_device: MakeDevice
) -> None:
    bench = Bench(rig, make_device(), take="while_pressed")
    bench.poll()
    bench.device.send("KEY_A", 1)
    assert bench.poll() == [LEFT]
    bench.device.down.clear()
    assert bench.poll(50) == [(RequestKind.HOLD, ("left_arm",))]


def test_a_key_over_bluetooth_is_no_dead_mans_switch(rig: Rig, make_device: MakeDevice) -> None:
    held, toggled = (make_device(info=SimpleNamespace(bustype=5)) for _ in range(2))
    problem = Bench(rig, held, take="while_pressed").pedals.poll(0, View()).problem
    assert "a key over Bluetooth is no dead man's switch" in problem and "use a cable or take: toggle" in problem
    assert Bench(rig, toggled).pedals.poll(0, View()).problem == ""


def test_a_press_shows_on_the_devices_file(bench: Bench) -> None:
    assert isinstance(bench.pedals, Waitable)
    os.set_blocking(bench.pedals.files()[0], False)
    with pytest.raises(BlockingIOError):
        os.read(bench.pedals.files()[0], 1)
    bench.device.send("KEY_A", 1)
    assert os.read(bench.pedals.files()[0], 1)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"take_left": "KEY_AA"}, "unknown key 'KEY_AA'; did you mean 'KEY_A"),
        ({"take_left": "ABS_X"}, "unknown key 'ABS_X'"),
        ({"success": "BTN_A", "failure": "BTN_SOUTH"}, "'BTN_SOUTH' and 'BTN_A' are the same key"),
    ],
)
def test_a_key_that_no_device_has_is_refused(
    rig: Rig, make_device: MakeDevice, keys: dict[str, str], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        Bench(rig, make_device(), **keys)


def test_where_no_such_device_is_the_remedy_is_named(rig: Rig) -> None:
    pedals = Pedals("foot", PedalConfig(device="/dev/input/by-id/no-such", take_left="KEY_A"), rig)
    assert pedals.poll(0, View()).problem == "foot: no such device /dev/input/by-id/no-such; is it plugged in?"
    pedals = Pedals("foot", PedalConfig(device="no such pedal", take_left="KEY_A"), rig)
    assert "'no such pedal' is not there; compare with" in pedals.poll(0, View()).problem


@pytest.mark.skipif(not os.access("/dev/uinput", os.W_OK), reason="no /dev/uinput: the recorded device stands for it")
def test_a_virtual_device_of_the_kernel_is_found_by_name_and_survives_replugging(rig: Rig) -> None:
    from evdev import UInput, ecodes

    config = PedalConfig(device="aloe test pedal", take_left="KEY_A", estop="KEY_ESC")
    pedals = Pedals("foot", config, rig)
    events = {ecodes.EV_KEY: [ecodes.KEY_A, ecodes.KEY_ESC]}
    for _ in range(2):
        with UInput(events, name="aloe test pedal") as pedal:
            assert _until(lambda: not pedals.poll(time.monotonic_ns(), View()).problem)
            pedal.write(ecodes.EV_KEY, ecodes.KEY_A, 1)
            pedal.syn()
            assert _until(lambda: pedals.poll(time.monotonic_ns(), View()).requests)
        assert _until(lambda: pedals.poll(time.monotonic_ns(), View()).problem)
    pedals.close()


def _until(condition: Callable[[], object]) -> bool:
    deadline = time.monotonic() + 5.0
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True
