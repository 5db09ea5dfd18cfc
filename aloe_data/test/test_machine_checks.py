from dataclasses import replace
from pathlib import Path

import pytest

from aloe_data.finding import Finding, Level
from aloe_data.machine_checks import (
    InputDevice,
    ProcessorTimes,
    check_buffers,
    check_devices,
    check_disk,
    check_processors,
    check_sockets,
    image_bytes,
    input_devices,
    leader_streams,
    measure_disk,
    needed_bytes_per_s,
    read_buffers,
)
from aloe_data.operator_devices import teleop_devices
from aloe_data.rig_file import load_rig
from aloe_data.rig_streams import Measured

CONFIG = Path(__file__).parents[2] / "config"
RIG = load_rig(CONFIG / "rig_sim.yaml")
GIB = 1 << 30
LISTED = """I: Bus=0003 Vendor=3553 Product=b001 Version=0111
N: Name="PCsensor FootSwitch"
H: Handlers=sysrq kbd leds event7

I: Bus=0019 Vendor=0000 Product=0001 Version=0000
N: Name="Power Button"
H: Handlers=kbd event0

I: Bus=0019
N: Name="No handler of events"
H: Handlers=kbd
"""


def measured(size: int = 0) -> dict[str, Measured]:
    topics = [*(camera.topic for camera in RIG.cameras), *(arm.joint_state_topic for arm in RIG.arms)]
    return {topic: Measured(sizes=[size] * 30 if size else [], ended_ns=10**9) for topic in topics}


def table(*sockets: tuple[str, int]) -> str:
    """/proc/net/udp with sockets at hexadecimal addresses and ports."""
    rows = [f"  {i}: {address}:{port:04X} 00000000:0000 07" for i, (address, port) in enumerate(sockets)]
    return "\n".join(["  sl  local_address rem_address   st", *rows])


def test_a_node_of_the_domain_that_listens_on_all_addresses_is_found() -> None:
    loopback, everywhere = "0100007F", "00000000"
    # Domain 3 has the ports 8150 to 8399; 7410 is of domain 0, 68 of no domain.
    quiet = table((loopback, 8160), (everywhere, 7410), (everywhere, 68))
    assert check_sockets(quiet, 3, "network: loopback only") == Finding(Level.OK, "sockets", "network: loopback only")
    found = check_sockets(table((loopback, 8160), (everywhere, 8163)), 3, "")
    assert found.level is Level.WARN
    assert "ROS domain 3 somebody listens on all addresses (UDP ports 8163)" in found.what


def test_images_are_estimated_until_one_was_seen() -> None:
    camera = RIG.cameras[0]
    assert image_bytes(camera, Measured()) == 320 * 240 * 3 / 8
    assert image_bytes(camera, Measured(sizes=[10, 40, 20])) == 40
    assert needed_bytes_per_s(RIG, measured()) == pytest.approx(3 * 30 * 320 * 240 * 3 / 8)
    assert needed_bytes_per_s(RIG, measured(1000)) == pytest.approx(5 * 30 * 1000)


def test_buffers_that_do_not_hold_two_images_of_every_camera_get_their_sysctl_line() -> None:
    small = check_buffers({"net.core.rmem_max": 8 << 20, "net.core.rmem_default": 212_992}, burst_bytes=1.5e6)
    assert small.level is Level.WARN
    assert small.remedy.startswith("sudo sysctl -w net.core.rmem_default=4194304 ")
    assert check_buffers({"net.core.rmem_max": 8 << 20}, burst_bytes=1.5e6).level is Level.OK
    assert "container" in check_buffers({}, burst_bytes=1.0).what


def test_buffers_are_read_where_the_kernel_shows_them(tmp_path: Path) -> None:
    (tmp_path / "net" / "core").mkdir(parents=True)
    (tmp_path / "net" / "core" / "rmem_max").write_text("212992\n")
    assert read_buffers(tmp_path) == {"net.core.rmem_max": 212_992}


def test_a_host_that_takes_the_processors_away_is_named_and_one_that_does_not_is_not(tmp_path: Path) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    before.write_text("cpu  100 0 50 800 10 0 0 40 0 0\ncpu0 1 2\n")
    after.write_text("cpu  150 0 60 820 10 0 0 60 0 0\ncpu0 1 2\n")
    times = ProcessorTimes.now(before), ProcessorTimes.now(after)
    assert times[0].stolen_share(times[1]) == 0.2
    found = check_processors(*times)
    assert found.level is Level.WARN and "takes 20% of its time" in found.what
    assert check_processors(times[0], replace(times[1], stolen=40)).level is Level.OK
    assert check_processors(ProcessorTimes.now(tmp_path / "none"), ProcessorTimes()).level is Level.OK


def disk(folder: Path, speed: float = 1e9, needed: float = 1e6, free: float = 100 * GIB) -> Finding:
    (finding,) = check_disk(folder, needed, lambda _: free, lambda _: speed, min_free_gib=0.0)
    return finding


def test_a_disk_is_judged_by_its_speed_and_its_room(tmp_path: Path) -> None:
    assert disk(tmp_path).level is Level.OK
    assert (slow := disk(tmp_path, speed=0.9e6)).level is Level.FAIL and "too slow" in slow.remedy
    assert disk(tmp_path, speed=2e6).level is Level.WARN
    assert (full := disk(tmp_path, free=1e9)).level is Level.WARN and "delete old bags" in full.remedy


def test_a_folder_that_does_not_exist_yet_is_judged_by_its_parent_and_not_made(tmp_path: Path) -> None:
    assert disk(tmp_path / "new" / "bags").level is Level.OK
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_told_with_its_remedy(tmp_path: Path) -> None:
    def fails(_: Path) -> float:
        raise OSError("the disk is gone")

    assert check_disk(tmp_path, 1.0, lambda _: 1.0, fails, 0.0) == [Finding(Level.FAIL, "disk", "the disk is gone")]
    (full,) = check_disk(tmp_path, 1.0, lambda _: 1.0, lambda _: 1.0, min_free_gib=1e9)
    assert full.level is Level.FAIL and "delete old bags" in full.what


def test_measuring_a_disk_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aloe_data.machine_checks._MOST", 1 << 20)
    assert measure_disk(tmp_path) > 0
    assert not list(tmp_path.iterdir())


def test_input_devices_are_found_by_name_and_their_permission_is_looked_at() -> None:
    present = input_devices(LISTED)
    assert present == [
        InputDevice("PCsensor FootSwitch", Path("/dev/input/event7")),
        InputDevice("Power Button", Path("/dev/input/event0")),
    ]
    pedals = {"foot": {"kind": "pedals", "device": "footswitch"}, "keys": {"kind": "keyboard"}}
    (fine,) = check_devices(pedals, present, lambda _: True)
    assert fine.level is Level.OK and "event7" in fine.what
    (denied,) = check_devices(pedals, present, lambda _: False)
    assert denied.level is Level.FAIL and "usermod -aG input" in denied.remedy
    (absent,) = check_devices({"mouse": {"device": "3Dconnexion"}}, present)
    assert absent.level is Level.FAIL and "PCsensor FootSwitch, Power Button" in absent.remedy
    assert not check_devices({}, [])


def test_a_device_by_its_path_has_to_exist(tmp_path: Path) -> None:
    (tmp_path / "pedal").touch()
    by_path = {"foot": {"device": str(tmp_path / "pedal")}}
    assert check_devices(by_path, [], lambda _: True)[0].level is Level.OK
    assert "no input device" in check_devices({"foot": {"device": str(tmp_path / "other")}}, [])[0].what


def test_leader_arms_are_topics_that_have_to_be_there() -> None:
    streams = leader_streams(teleop_devices(CONFIG / "teleop_leader.yaml"))
    assert [stream.topic for stream in streams] == ["/left_leader/joint_states", "/right_leader/joint_states"]
    assert not leader_streams(teleop_devices(CONFIG / "teleop_keyboard.yaml"))
