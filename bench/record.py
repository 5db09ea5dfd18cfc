"""What the recorder loses: with cameras at full rate, with raw images, and when it is killed.

A process of its own publishes what a rig with three 640x480 cameras at 30 Hz and two arms at 50 Hz does; stamps rise by
whole periods, so that a missing message shows in the bag. The recorder runs as in a rollout.
  lost_messages         of JPEG cameras (40 kB) and all streams at 50 Hz, during --seconds: missing in the bag
  cpu_percent           of one core, the recorder's process during that time
  raw_lost_messages     of raw images (83 MB/s) over reliable QoS, during --raw-seconds
  split_lost_messages   as lost_messages, with bags in files of 20 MiB, during --split-seconds; split_files: how many
  kills                 how often the recorder was killed by SIGKILL at a random moment of an open episode
  closed_episodes_lost  bags that were closed before and are not whole after
  worst_open_loss_s     from the last message of an open episode, once repaired, to the kill
"""

import os
import random
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import psutil
import rclpy
from aloe_msgs.srv import StartEpisode, StopEpisode
from output import conclude, make_parser

from aloe_data.bag_state import is_whole
from aloe_data.recording import RecordingError
from aloe_data.ros.bag_reader import read_serialized
from aloe_data.ros.repair import repair
from aloe_data.serialized import header_stamp_ns
from aloe_data.session import SESSION_FILE, begin_session
from aloe_data.vocabulary import NS

RIG_FILE = Path(__file__).parents[1] / "config" / "rig_sim.yaml"
DOMAIN = 91
STREAMS = Path(__file__).with_name("record_streams.py")
RECORDER = "from aloe_data.ros.recorder_node import main; main()"
SPLIT_MIB = 20
_NOT_REGULAR = ("/diagnostics", "/heartbeat")  # stamped when they are said, not by whole periods
QUICK = (
    "--seconds=3",
    "--raw-seconds=2",
    "--split-seconds=4",
    "--kills=1",
)


def make_rig(folder: Path, raw: bool) -> Path:
    """The simulated rig with cameras of 640x480, compressed or raw."""
    text = RIG_FILE.read_text().replace("width: 320", "width: 640").replace("height: 240", "height: 480")
    file = folder / f"rig_{'raw' if raw else 'jpeg'}.yaml"
    file.write_text(text.replace("/image_raw/compressed,", "/image_raw, transport: raw,") if raw else text)
    (folder / "sim_arm.urdf").write_text((RIG_FILE.parent / "sim_arm.urdf").read_text())
    return file


class Session:
    """The streams of one rig as a process, and a recorder that can be started, asked and killed."""

    def __init__(self, folder: Path, raw: bool) -> None:
        self.rig_file = make_rig(folder, raw)
        self.bags = folder / "bags"
        self._context = rclpy.Context()
        rclpy.init(context=self._context, domain_id=DOMAIN + raw)
        session_file = folder / "session.json"
        begin_session(session_file)
        self._environment = os.environ | {"ROS_DOMAIN_ID": str(DOMAIN + raw), SESSION_FILE: str(session_file)}
        self._streams = self._run([str(STREAMS), str(self.rig_file)])
        self.recorder: subprocess.Popen[bytes] | None = None

    def start_recorder(self, split_mib: int = 0) -> psutil.Process:
        """A fresh recorder, whose bags go on in a new file at this size [MiB]; 0: never."""
        parameters = {"rig": self.rig_file, "record": self.bags, "min_free_gib": 0.1, "preroll_s": 0.0}
        parameters["split_mib"] = split_mib
        arguments = [word for name, value in parameters.items() for word in ("-p", f"{name}:={value}")]
        self.recorder = self._run(["-c", RECORDER, "--ros-args", *arguments, "--log-level", "warn"])
        return psutil.Process(self.recorder.pid)

    def call(self, kind: type, name: str, **fields: object) -> object:
        """Ask the recorder; a node of its own for every call, since the recorder's predecessors were killed."""
        node = rclpy.create_node("bench", context=self._context)
        client = node.create_client(kind, name)
        try:
            if not client.wait_for_service(60.0):
                raise RuntimeError(f"no service {name}")
            future = client.call_async(kind.Request(**fields))
            executor = rclpy.executors.SingleThreadedExecutor(context=self._context)
            executor.add_node(node)
            executor.spin_until_future_complete(future, 60.0)
            if not future.done() or not future.result().success:
                raise RuntimeError(f"{name}: {future.result().message if future.done() else 'no answer'}")
            return future.result()
        finally:
            node.destroy_node()

    def kill_recorder(self) -> int:
        """SIGKILL; when that was [ns]."""
        now_ns = time.time_ns()
        self.recorder.kill()
        self.recorder.wait()
        return now_ns

    def close(self) -> None:
        """End all processes."""
        for process in filter(None, (self._streams, self.recorder)):
            process.kill()
            process.wait()
        rclpy.shutdown(context=self._context)

    def _run(self, arguments: list[str]) -> "subprocess.Popen[bytes]":
        return subprocess.Popen([sys.executable, *arguments], env=self._environment)


@contextmanager
def session(raw: bool = False) -> Iterator[Session]:
    """A session in a temporary folder on the disk that bags would be on."""
    with tempfile.TemporaryDirectory(dir=os.environ.get("ALOE_BENCH_DIR")) as folder:
        made = Session(Path(folder), raw)
        try:
            yield made
        finally:
            made.close()


def missing(bag: Path) -> int:
    """Messages that are not in the bag, between the first and the last of each topic."""
    stamps_ns: dict[str, set[int]] = defaultdict(set)
    for topic, data, _ in read_serialized(bag):
        if topic not in _NOT_REGULAR:
            stamps_ns[topic].add(header_stamp_ns(data))
    steps = [np.diff(sorted(stamps)) for stamps in stamps_ns.values()]
    return sum(int(np.sum(np.round(step / step.min()) - 1)) for step in steps)


def measure_losses(seconds: float, raw: bool, split_mib: int = 0) -> tuple[int, float, int]:
    """Messages lost, the recorder's share of a core [%], and the number of the bag's files."""
    with session(raw) as made:
        process = made.start_recorder(split_mib)
        bag = Path(made.call(StartEpisode, "/recorder/start").bag)
        before = sum(process.cpu_times()[:2])
        began_s = time.monotonic()
        time.sleep(seconds)
        percent = 100 * (sum(process.cpu_times()[:2]) - before) / (time.monotonic() - began_s)
        counted = made.call(StopEpisode, "/recorder/stop").messages_lost
        sizes_mb = [file.stat().st_size / 1e6 for file in bag.glob("*.mcap")]
        rate = f"{sum(sizes_mb) / seconds:.1f} MB/s in {len(sizes_mb)} files"
        print(f"{'raw' if raw else 'jpeg'}: {rate}, {percent:.1f} % of a core", flush=True)
        return max(missing(bag), counted), percent, len(sizes_mb)


def measure_kills(kills: int) -> tuple[int, float]:
    """Closed bags that are not whole any more, and the longest loss of an open one [s]."""
    spoilt = 0
    worst_s = 0.0
    chance = random.Random(0)
    with session() as made:
        for number in range(kills):
            made.start_recorder()
            closed = Path(made.call(StartEpisode, "/recorder/start").bag)
            made.call(StopEpisode, "/recorder/stop")
            opened = Path(made.call(StartEpisode, "/recorder/start").bag)
            time.sleep(chance.uniform(0.3, 2.0))
            killed_ns = made.kill_recorder()
            spoilt += not is_whole(closed)
            loss_s = open_loss_s(opened, killed_ns)
            worst_s = max(worst_s, loss_s)
            print(f"kill {number + 1}/{kills}: lost {loss_s:.3f} s", flush=True)
    return spoilt, worst_s


def open_loss_s(bag: Path, killed_ns: int) -> float:
    """Time from the last message that repair brings back to the kill [s]; of an unrepairable bag infinite."""
    try:
        repair(bag)
        return (killed_ns - max(stamp_ns for _, _, stamp_ns in read_serialized(bag))) / NS
    except (RecordingError, ValueError) as error:
        print(error)
        return float("inf")


def main() -> None:
    parser = make_parser(__doc__, QUICK, seconds=60.0)
    parser.add_argument("--raw-seconds", type=float, default=10.0, help="of raw images (default: 10)")
    parser.add_argument("--split-seconds", type=float, default=300.0, help="in files of 20 MiB (default: 300)")
    parser.add_argument("--kills", type=int, default=100, help="how often to kill the recorder (default: 100)")
    arguments = parser.parse_args()
    lost, percent, _ = measure_losses(arguments.seconds, raw=False)
    raw_lost, raw_percent, _ = measure_losses(arguments.raw_seconds, raw=True)
    split_lost, _, split_files = measure_losses(arguments.split_seconds, raw=False, split_mib=SPLIT_MIB)
    spoilt, worst_s = measure_kills(arguments.kills)
    figures = {
        "lost_messages": lost,
        "cpu_percent": percent,
        "raw_lost_messages": raw_lost,
        "raw_cpu_percent": raw_percent,
        "split_lost_messages": split_lost,
        "split_files": split_files,
        "kills": arguments.kills,
        "closed_episodes_lost": spoilt,
        "worst_open_loss_s": worst_s,
    }
    targets = {
        "lost_messages": 0,
        "cpu_percent": 15.0,
        "raw_lost_messages": 0,
        "split_lost_messages": 0,
        "closed_episodes_lost": 0,
        "worst_open_loss_s": 1.0,
    }
    conclude("record", figures, targets, arguments)


if __name__ == "__main__":
    main()
