"""Before motion: what is wrong with this machine: its network buffers, its disk, the right to read input devices."""

import os
import re
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aloe_data.finding import Finding, Level
from aloe_data.recording import RecordingError, check_folder
from aloe_data.rig import Camera, Rig
from aloe_data.rig_streams import Measured, Stream

_SYSCTLS = ("net.core.rmem_max", "net.core.rmem_default")  # how far a socket may ask, and what it has unasked
_COMPRESSION = 8.0  # of JPEG, as long as no image was seen
_LEADER_AGE_S = 0.1
_MIB = 1 << 20
_BLOCK = 4 * _MIB
_MOST = 128 * _MIB
_LONGEST_S = 1.0
_HOUR_S = 3600.0
_FIRST_PORT = 7400  # of the first ROS domain. Source: RTPS standard, section 9.6.1.1
_PORTS = 250  # per domain
_STOLEN_SHARE = 0.05  # of a machine's time that its host may give to others before what has to be on time is late


def image_bytes(camera: Camera, measured: Measured) -> float:
    """The largest image of a camera, or an estimate as long as none was seen."""
    raw = camera.width * camera.height * 3
    return max(measured.sizes, default=raw / (1.0 if camera.message_type.endswith("/Image") else _COMPRESSION))


def needed_bytes_per_s(rig: Rig, measured: Mapping[str, Measured]) -> float:
    """What a recording writes: as measured, with an estimate for cameras that are silent."""
    heard = sum(topic.bytes_per_s for topic in measured.values())
    silent = [c for c in rig.cameras if not measured[c.topic].sizes]
    return heard + sum(image_bytes(camera, measured[camera.topic]) * camera.rate_hz for camera in silent)


def read_buffers(folder: Path = Path("/proc/sys")) -> dict[str, int]:
    """The kernel's limits on UDP buffers by the name of their sysctl [bytes]; those that can be seen from here."""
    paths = {name: folder / name.replace(".", "/") for name in _SYSCTLS}
    return {name: int(path.read_text()) for name, path in paths.items() if path.is_file()}


def check_buffers(buffers: Mapping[str, int], burst_bytes: float) -> Finding:
    """Room for two images of every camera that arrive at once; what finds none is lost without a word."""
    if not buffers:
        return Finding(Level.OK, "network", "the kernel's UDP buffers cannot be seen from here (a container?)")
    needed = round(2 * burst_bytes)
    known = ", ".join(f"{name} {size / 1024:.0f} KiB" for name, size in buffers.items())
    what = f"{known}; two images of every camera are {needed / 1024:.0f} KiB"
    small = [name for name, size in buffers.items() if size < needed]
    wanted = max(4 * _MIB, 1 << needed.bit_length())
    remedy = f"sudo sysctl -w {' '.join(f'{name}={wanted}' for name in small)} (and in /etc/sysctl.d to keep it)"
    return Finding(Level.WARN, "network", what, remedy) if small else Finding(Level.OK, "network", what)


def check_sockets(table: str, domain: int, allowed: str) -> Finding:
    """Nobody in the ROS domain listens on all addresses: a driver that does is reached past everything in this suite.

    Args:
        table: /proc/net/udp.
        domain: ROS domain.
        allowed: Words for what the rig file opens.
    """
    ports = range(_FIRST_PORT + _PORTS * domain, _FIRST_PORT + _PORTS * (domain + 1))
    local = [line.split()[1].split(":") for line in table.splitlines()[1:]]
    open_ports = sorted({int(port, 16) for address, port in local if int(address, 16) == 0 and int(port, 16) in ports})
    if not open_ports:
        return Finding(Level.OK, "sockets", allowed)
    what = f"in ROS domain {domain} somebody listens on all addresses (UDP ports {', '.join(map(str, open_ports))})"
    remedy = "start drivers and tools with ./env as well, or see docs/install.md; `ss -lunp` names their processes"
    return Finding(Level.WARN, "sockets", what, remedy)


@dataclass(frozen=True)
class ProcessorTimes:
    """What a machine's processors did since it started, in ticks of the kernel: in all, and taken by the host."""

    total: int = 0
    stolen: int = 0

    @classmethod
    def now(cls, file: Path = Path("/proc/stat")) -> "ProcessorTimes":
        """As the kernel counts them; zero where it does not. Source: proc_stat(5)."""
        try:
            times = [int(word) for word in file.read_text().split("\n", 1)[0].split()[1:9]]
        except (OSError, ValueError):
            times = []
        return cls(sum(times), times[7]) if len(times) == 8 else cls()

    def stolen_share(self, until: "ProcessorTimes") -> float:
        """Share of the time from here until then that the host took."""
        return (until.stolen - self.stolen) / max(until.total - self.total, 1)


def check_processors(before: ProcessorTimes, after: ProcessorTimes) -> Finding:
    """A virtual machine whose host is busy with others misses ticks and frames, however little runs on it."""
    share = before.stolen_share(after)
    what = f"the host of this virtual machine takes {share:.0%} of its time" if share else "no host takes any time"
    if share > _STOLEN_SHARE:
        return Finding(Level.WARN, "processors", what, "ticks will be missed: run on hardware, or on a host of its own")
    return Finding(Level.OK, "processors", what)


def measure_disk(folder: Path) -> float:
    """Bytes per second that a folder takes and keeps, over a second at most.

    Raises:
        OSError: the disk failed.
    """
    block = os.urandom(_BLOCK)
    written = 0
    began_s = time.monotonic()
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".doctor_") as file:
        while written < _MOST and time.monotonic() - began_s < _LONGEST_S:
            written += file.write(block)
            file.flush()
            os.fsync(file.fileno())
    return written / (time.monotonic() - began_s)


def check_disk(
    folder: Path,
    needed_per_s: float,
    free_bytes: Callable[[Path], float],
    measure: Callable[[Path], float] = measure_disk,
    min_free_gib: float = 1.0,
) -> list[Finding]:
    """The folder of the recordings can be written, fast enough, and for an hour.

    Args:
        folder: Folder of the recordings, which need not exist yet; nothing is left behind.
        needed_per_s: Bytes per second that a recording writes.
        free_bytes: Function that says how much room the disk of a folder has [bytes].
        measure: Function that measures its speed, see `measure_disk`.
        min_free_gib: Reserve of the disk below which recorder_node refuses to record [GiB].
    """
    there = next(path for path in (folder, *folder.parents) if path.is_dir())
    try:
        check_folder(there, min_free_gib)
        speed = measure(there)
    except (RecordingError, OSError) as error:
        return [Finding(Level.FAIL, "disk", str(error))]
    hours = free_bytes(there) / max(needed_per_s, 1.0) / _HOUR_S
    takes = f"takes {speed / _MIB:.0f} MiB/s, a recording writes {needed_per_s / _MIB:.1f}"
    what = f"{folder}: {takes}; room for {hours:.1f} h"
    other = "record to another disk (record:=FOLDER)"
    if speed < needed_per_s:
        return [Finding(Level.FAIL, "disk", what, f"too slow: {other}, or publish images compressed")]
    if speed < 3 * needed_per_s:
        return [Finding(Level.WARN, "disk", what, f"hardly fast enough beside other work: {other}")]
    if hours < 1:
        return [Finding(Level.WARN, "disk", what, f"delete old bags, or {other}")]
    return [Finding(Level.OK, "disk", what)]


@dataclass(frozen=True)
class InputDevice:
    """A device of /dev/input: what the kernel calls it, and its file."""

    name: str
    file: Path


def input_devices(text: str) -> list[InputDevice]:
    """The devices that /proc/bus/input/devices lists; their names can be read by everybody."""
    found = []
    for block in text.split("\n\n"):
        name = re.search(r'^N: Name="(.*)"$', block, re.MULTILINE)
        event = re.search(r"\bevent\d+", block)
        if name and event:
            found.append(InputDevice(name[1], Path("/dev/input") / event[0]))
    return found


def leader_streams(devices: Mapping[str, Mapping[str, Any]]) -> tuple[Stream, ...]:
    """The joint states of leader arms among the devices of a teleop file."""
    joints = "sensor_msgs/msg/JointState"
    return tuple(Stream(name, d["topic"], joints, _LEADER_AGE_S) for name, d in devices.items() if "topic" in d)


def check_devices(
    devices: Mapping[str, Mapping[str, Any]],
    present: Sequence[InputDevice],
    readable: Callable[[Path], bool] = lambda path: os.access(path, os.R_OK),
) -> list[Finding]:
    """The input devices that a teleop file names are plugged in and may be read."""
    found = []
    fine = []
    for name, config in devices.items():
        if "device" not in config:
            continue  # leader arms are topics, a keyboard is a terminal
        text = str(config["device"])
        by_name = [device.file for device in present if text.lower() in device.name.lower()]
        files = [Path(text)] if text.startswith("/") else by_name
        if not any(file in by_name or file.exists() for file in files):
            listed = ", ".join(sorted({device.name for device in present})) or "none"
            remedy = f"plug it in, or correct the name; there are: {listed}"
            found.append(Finding(Level.FAIL, "devices", f"{name}: no input device '{text}'", remedy))
        elif not any(map(readable, files)):
            what = f"{name}: {files[0]} may not be read by you"
            found.append(Finding(Level.FAIL, "devices", what, "sudo usermod -aG input $USER, then log in again"))
        else:
            fine.append(f"{name} ({files[0]})")
    if fine and not found:
        found.append(Finding(Level.OK, "devices", f"{', '.join(fine)} can be read"))
    return found
