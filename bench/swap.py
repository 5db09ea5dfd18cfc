"""What it costs to swap policies while the robot works, in the real graph with simulator, cameras and recorder.

Runs the rollout's launch file, loads the shipped checkpoint and a copy of it under another version in turn, --swaps
times in a row, and computes from the bags and from policy_node's memory:
  failed_swaps           loads that were refused
  missed_ticks           control ticks more than one period late, or not run at all
  late_in_swaps, late_elsewhere   ticks more than one period late from a request until 0.2 s after its answer, and else
  share_in_swaps         of all ticks: what chance would give late_in_swaps
  stolen_ms              processor time that the host gave to others meanwhile, all cores
  chunk_gap_ticks        ticks without an action between the first and the last one of the policy in an episode
  swap_p50_ms, swap_max_ms   from the request to the answer, after which the new policy makes the chunks
  swaps_followed         changes of the version that the arms followed from one tick to the next
  rss_growth_mib         resident memory of policy_node in the last third of the swaps, over that in the first third
                         after --settle swaps; medians, as the allocator keeps and gives back 10 MiB at a time
  rss_mib                resident memory at the end
"""

import itertools
import json
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil
import rclpy
from aloe_msgs.msg import EpisodeState
from aloe_msgs.srv import LoadPolicy
from control import RIG_FILE, START_LIMIT_S, Recorded, closed_bags, gap_ticks, read, timing_of
from output import conclude, make_parser
from rclpy.node import Node
from takeover_live import rollout

from aloe_data.rig_file import load_rig
from aloe_data.ros.qos import LATCHED
from aloe_data.ros.sealing import MessageSealer
from aloe_data.session import open_session
from aloe_policy.checkpoint import folder_hash

SHIPPED = RIG_FILE.parents[1] / "assets" / "sorting"
LOAD_LIMIT_S = 60.0
AFTER_S = 0.2  # how long a swap may still be felt
QUICK = (
    "--swaps=3",
    "--settle=1",
)


@dataclass
class Swaps:
    """What was measured while it ran."""

    spans_s: list[tuple[float, float]] = field(default_factory=list)  # from the request to the answer, system time
    failed: list[str] = field(default_factory=list)
    rss_mib: list[float] = field(default_factory=list)
    stolen_ms: float = 0.0

    @property
    def answers_ms(self) -> list[float]:
        """How long each swap took."""
        return [1e3 * (end - begin) for begin, end in self.spans_s]


def copy_of(checkpoint: Path, folder: Path) -> Path:
    """The same policy under another version."""
    shutil.copytree(checkpoint, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "copy": True}))
    (folder / "sha256").write_text(folder_hash(folder) + "\n")
    return folder


def policy_process(launch: "subprocess.Popen[bytes]") -> psutil.Process:
    """policy_node among the children of a launch."""
    for process in psutil.Process(launch.pid).children(recursive=True):
        if any(part.endswith("/policy_node") for part in process.cmdline()):
            return process
    sys.exit("bench: policy_node does not run; see the messages above")


def wait_until_running(node: Node, launch: "subprocess.Popen[bytes]") -> None:
    """Wait for an episode to run."""
    states: list[int] = []
    node.create_subscription(EpisodeState, "/episode/state", lambda message: states.append(message.state), LATCHED)
    limit_s = time.monotonic() + START_LIMIT_S
    while EpisodeState.RUNNING not in states:
        if time.monotonic() > limit_s or launch.poll() is not None:
            sys.exit("bench: no episode began; see the messages above")
        rclpy.spin_once(node, timeout_sec=0.1)


def swap(node: Node, launch: "subprocess.Popen[bytes]", checkpoints: list[Path], times: int, pause_s: float) -> Swaps:
    """Load the checkpoints in turn."""
    client = node.create_client(LoadPolicy, "/policy/load")
    swaps = Swaps()
    if not client.wait_for_service(START_LIMIT_S):  # what is asked before the service is known reaches nobody, ever
        sys.exit("bench: /policy/load is not there; see the messages above")
    sealer = MessageSealer(open_session(), "swap")
    process = policy_process(launch)
    stolen_s = host_stole_s()
    for number in range(times):
        if launch.poll() is not None or not process.is_running():
            swaps.failed.append("the rollout ended; see the messages above")
            break
        began_s = time.time()
        request = LoadPolicy.Request(path=str(checkpoints[(number + 1) % len(checkpoints)]))
        future = client.call_async(sealer.seal("/policy/load", request))
        rclpy.spin_until_future_complete(node, future, timeout_sec=LOAD_LIMIT_S)
        answer = future.result()
        if answer is None or not answer.success:
            swaps.failed.append("no answer" if answer is None else answer.message)
        swaps.spans_s.append((began_s, time.time()))
        with suppress(psutil.NoSuchProcess):
            swaps.rss_mib.append(process.memory_info().rss / 2**20)
        time.sleep(pause_s)
    swaps.stolen_ms = 1e3 * (host_stole_s() - stolen_s)
    return swaps


def host_stole_s() -> float:
    """Processor time that a virtual machine was not given, since it began; 0 where nothing says it."""
    return float(getattr(psutil.cpu_times(), "steal", 0.0))


def followed(recorded: Recorded) -> int:
    """Changes of the version that the arms followed."""
    versions = [tick.policy_version for tick in recorded.ticks if tick.policy_version]
    return sum(a != b for a, b in itertools.pairwise(versions))


def late_ticks(swaps: Swaps, bags: list[Recorded], rate_hz: float) -> dict[str, float | int]:
    """Where the ticks lie that came late."""
    stamps_s = np.concatenate([bag.stamps_s for bag in bags])
    late = np.concatenate([[tick.lateness_s for tick in bag.ticks] for bag in bags]) > 1.0 / rate_hz
    in_swap = np.zeros(len(stamps_s), bool)
    for begin_s, end_s in swaps.spans_s:
        in_swap |= (stamps_s >= begin_s) & (stamps_s < end_s + AFTER_S)
    inside = int((late & in_swap).sum())
    return {
        "late_in_swaps": inside,
        "late_elsewhere": int(late.sum()) - inside,
        "share_in_swaps": float(in_swap.mean()),
        "stolen_ms": swaps.stolen_ms,
    }


def figures_of(swaps: Swaps, bags: list[Recorded], settle: int, rate_hz: float) -> dict[str, float | int]:
    """All figures."""
    timing = [timing_of(bag, rate_hz) for bag in bags]
    settled = np.array(swaps.rss_mib[min(settle, len(swaps.rss_mib) - 1) :])
    third = max(1, len(settled) // 3)
    return {
        "swaps": len(swaps.answers_ms),
        "failed_swaps": len(swaps.failed),
        "episodes": len(bags),
        "ticks": sum(t.ticks for t in timing),
        "missed_ticks": sum(t.missed for t in timing),
        **late_ticks(swaps, bags, rate_hz),
        "tick_jitter_p99_ms": max(t.jitter_p99_ms for t in timing),
        "chunk_gap_ticks": sum(map(gap_ticks, bags)),
        "swap_p50_ms": float(np.median(swaps.answers_ms)),
        "swap_max_ms": max(swaps.answers_ms),
        "swaps_followed": sum(map(followed, bags)),
        "rss_mib": swaps.rss_mib[-1],
        "rss_growth_mib": float(np.median(settled[-third:]) - np.median(settled[:third])),
    }


def draw(swaps: Swaps, file: Path) -> None:
    """Memory and time of answers over swaps."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (memory, answers) = pyplot.subplots(1, 2, figsize=(11, 4))
    memory.plot(swaps.rss_mib)
    memory.set(title="Resident memory of policy_node", xlabel="swap", ylabel="MiB")
    answers.plot(swaps.answers_ms)
    answers.set(title="From the request to the answer", xlabel="swap", ylabel="ms")
    figure.tight_layout()
    figure.savefig(file, dpi=110)


def main() -> None:
    """Run, compute, print."""
    parser = make_parser(__doc__, QUICK)
    parser.add_argument("--swaps", type=int, default=100, help="in a row (default: 100)")
    parser.add_argument("--settle", type=int, default=10, help="swaps before memory counts as settled (default: 10)")
    parser.add_argument("--pause", type=float, default=1.0, help="seconds between two swaps (default: 1)")
    options = parser.parse_args()
    rig = load_rig(RIG_FILE)
    with tempfile.TemporaryDirectory(prefix="bench_swap_") as scratch:
        bags = Path(scratch) / "bags"
        other = copy_of(SHIPPED, Path(scratch) / "other")
        with rollout(bags, "", "false") as launch:
            rclpy.init()
            node = Node("bench_swap")
            try:
                wait_until_running(node, launch)
                swaps = swap(node, launch, [SHIPPED, other], options.swaps, options.pause)
            finally:
                node.destroy_node()
                rclpy.shutdown()
        recorded = [bag for bag in (read(bag, rig) for bag in closed_bags(bags)) if bag.ticks and bag.following.any()]
    print("\n".join(swaps.failed))
    if not recorded or not swaps.rss_mib:
        sys.exit("bench: no episode was recorded; see the messages above")
    figures = figures_of(swaps, recorded, options.settle, rig.rate_hz)
    if options.png:
        draw(swaps, options.png)
    targets = dict.fromkeys(("failed_swaps", "missed_ticks", "chunk_gap_ticks"), 0.0) | {"rss_growth_mib": 5.0}
    conclude("swap", figures, targets, options, {"swaps": options.swaps})


if __name__ == "__main__":
    main()
