"""How punctual and smooth control is, in the real graph: simulator, three cameras, policy, control and recorder.

Runs the rollout's launch file, closes after --seconds of recorded episodes, and computes everything from the bags:
  missed_ticks              ticks more than one period late, or not run at all
  tick_jitter_p99_ms        deviation of the interval between two ticks from 20 ms
  chunk_gap_ticks           ticks without an action between the first and the last one of the policy in an episode
  camera_to_command_p50_ms  from the oldest image of an observation to the first command of the chunk that answers it
  inference_p50_ms          as policy_node measured it
  seam_step_ratio           largest step of a joint velocity where a chunk takes over, over the largest elsewhere
  lost_messages             published but not in a bag, as the recorder counted
With --former FOLDER this checkout and a former one run in turns, and what is limited is the ratio of their figures.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from aloe_msgs.msg import ArmAction, ExecutedAction
from former import add_former_options, compare
from output import conclude, make_parser

from aloe_data.recording import RecordingError
from aloe_data.rig import Rig
from aloe_data.rig_file import load_rig
from aloe_data.ros.bag_reader import read_messages, read_record
from aloe_data.ros.convert import stamp_to_ns
from aloe_data.statistics import TickStatistics, tick_statistics

RIG_FILE = Path(__file__).parents[1] / "config" / "rig_sim.yaml"
CAMERA_TO_COMMAND_MS = 60.0  # beside inference
START_LIMIT_S = 120.0
TIMED = ("tick_jitter_p99_ms", "camera_to_command_p50_ms")  # of which a ratio is limited with --former
QUICK = ("--seconds=5",)


@dataclass
class Recorded:
    """What the figures need of one bag."""

    ticks: list[ExecutedAction] = field(default_factory=list)
    observed_ns: dict[int, int] = field(default_factory=dict)  # chunk_id -> stamp of its observation
    inference_s: list[float] = field(default_factory=list)
    cameras_ns: dict[str, list[int]] = field(default_factory=dict)
    lost: int = 0

    @property
    def following(self) -> np.ndarray:
        """Per tick: all arms follow the policy."""
        return np.array([all(a.source == ArmAction.POLICY for a in t.arms) for t in self.ticks], bool)

    @property
    def stamps_s(self) -> np.ndarray:
        return np.array([stamp_to_ns(t.header.stamp) for t in self.ticks]) / 1e9


def run(folder: Path, seconds: float, policy: str) -> list[Path]:
    """Run rollouts until the closed bags in `folder` hold `seconds` of episodes; these bags."""
    arguments = [f"record:={folder}", f"rig:={RIG_FILE}", "episodes:=1000", *([f"policy:={policy}"] if policy else [])]
    command = ["ros2", "launch", "aloe_bringup", "rollout.launch.py", *arguments]
    launch = subprocess.Popen(command, stdin=subprocess.DEVNULL, process_group=0, env=os.environ.copy())
    limit_s = time.monotonic() + START_LIMIT_S + 3 * seconds
    closed: list[Path] = []
    try:
        while sum(map(recorded_s, closed)) < seconds and time.monotonic() < limit_s:
            ended = launch.poll() is not None
            closed = closed_bags(folder)
            if ended:
                break
            time.sleep(1.0)
    finally:
        if launch.poll() is None:
            os.killpg(launch.pid, signal.SIGINT)
        launch.wait(timeout=30)
    return closed


def closed_bags(folder: Path) -> list[Path]:
    """Bags whose recording has ended."""
    return [bag for bag in sorted(folder.iterdir()) if recorded_s(bag)]


def recorded_s(bag: Path) -> float:
    """Length of a closed bag, s; 0 while it is open."""
    import rosbag2_py

    try:
        if not read_record(bag).verdict:
            return 0.0
        return float(rosbag2_py.Info().read_metadata(str(bag), "mcap").duration.nanoseconds / 1e9)
    except (RecordingError, RuntimeError):
        return 0.0


def read(bag: Path, rig: Rig) -> Recorded:
    """The messages of one bag."""
    recorded = Recorded(lost=sum(read_record(bag).lost.values()))
    topics = {camera.topic: camera.name for camera in rig.cameras}
    for topic, message, _ in read_messages(bag, ["/executed_action", "/policy/action_chunk", *topics]):
        if topic == "/executed_action":
            recorded.ticks.append(message)
        elif topic == "/policy/action_chunk":
            recorded.observed_ns[message.chunk_id] = stamp_to_ns(message.header.stamp)
            recorded.inference_s.append(message.inference_s)
        else:
            recorded.cameras_ns.setdefault(topics[topic], []).append(stamp_to_ns(message.header.stamp))
    return recorded


def gap_ticks(recorded: Recorded) -> int:
    """Ticks on which an arm had no action of the policy, between its first and its last one."""
    at = np.flatnonzero(recorded.following)
    return int(at[-1] - at[0] + 1 - len(at)) if len(at) else 0


def camera_to_command_ms(recorded: Recorded) -> list[float]:
    """Per chunk: age of the oldest image it is based on when its first command goes out."""
    stamps = {name: np.array(values) for name, values in recorded.cameras_ns.items()}
    ages = []
    seen = set()
    for tick in recorded.ticks:
        observed_ns = recorded.observed_ns.get(tick.chunk_id)
        if observed_ns is None or tick.chunk_id in seen:
            continue
        seen.add(tick.chunk_id)
        used = [s[s <= observed_ns] for s in stamps.values()]
        if all(len(s) for s in used):
            ages.append((stamp_to_ns(tick.header.stamp) - min(int(s[-1]) for s in used)) / 1e6)
    return ages


def velocity_steps(recorded: Recorded) -> tuple[np.ndarray, np.ndarray]:
    """Largest change of any joint's velocity per tick [rad/s], and which ticks are at a seam.

    A jump of the position at a seam changes the velocity on two ticks: on the seam and on the one after it.
    """
    joints = np.array([np.concatenate([a.executed[:-1] for a in t.arms]) for t in recorded.ticks])
    chunks = np.array([t.chunk_id for t in recorded.ticks])
    velocity = np.diff(joints, axis=0) / np.median(np.diff(recorded.stamps_s))
    steps = np.abs(np.diff(velocity, axis=0)).max(axis=1)  # steps[i] happens at tick i + 2
    changed = np.zeros(len(chunks), bool)
    changed[1:] = (chunks[1:] != chunks[:-1]) & (chunks[:-1] != 0)
    seam = changed | np.roll(changed, 1)
    follows = recorded.following
    numbers = np.array([t.tick for t in recorded.ticks])
    inside = follows[2:] & follows[1:-1] & follows[:-2] & (numbers[2:] - numbers[:-2] == 2)
    return steps[inside], seam[2:][inside]


def timing_of(bag: Recorded, rate_hz: float) -> TickStatistics:
    """How punctual the ticks of a bag were."""
    numbers = [tick.tick for tick in bag.ticks]
    return tick_statistics(numbers, bag.stamps_s, [tick.lateness_s for tick in bag.ticks], rate_hz)


def figures_of(bags: list[Recorded], rate_hz: float) -> dict[str, float | int]:
    """All figures over all bags of a rig with some rate [Hz]."""
    timing = [timing_of(bag, rate_hz) for bag in bags if bag.ticks]
    ages = [age for b in bags for age in camera_to_command_ms(b)]
    inference_s = [s for b in bags for s in b.inference_s]
    steps, seams = (np.concatenate(parts) for parts in zip(*map(velocity_steps, bags), strict=True))
    skipped = sum(b.ticks[-1].tick - b.ticks[0].tick + 1 - len(b.ticks) for b in bags)
    return {
        "episodes": len(bags),
        "ticks": sum(t.ticks for t in timing),
        "missed_ticks": sum(t.missed for t in timing),
        "tick_jitter_p99_ms": max(t.jitter_p99_ms for t in timing),
        "chunk_gap_ticks": sum(map(gap_ticks, bags)),
        "camera_to_command_p50_ms": float(np.median(ages)),
        "camera_to_command_p99_ms": float(np.percentile(ages, 99)),
        "inference_p50_ms": 1e3 * float(np.median(inference_s)),
        "chunks_followed": len(ages),
        "seam_step_ratio": float(steps[seams].max() / steps[~seams].max()),
        "seam_step_median_ratio": float(np.median(steps[seams]) / np.median(steps[~seams])),
        "lost_messages": max(sum(b.lost for b in bags), skipped),
    }


def draw(bags: list[Recorded], file: Path) -> None:
    """Lateness of ticks, age of images, velocity steps, and one arm's set points with the seams."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, ((late, age), (step, path)) = pyplot.subplots(2, 2, figsize=(12, 7))
    late.hist([1e3 * t.lateness_s for b in bags for t in b.ticks], bins=80, log=True)
    late.set(title="Lateness of control ticks", xlabel="ms", ylabel="ticks")
    age.hist([a for b in bags for a in camera_to_command_ms(b)], bins=40)
    age.set(title="Camera stamp to first command of its chunk", xlabel="ms", ylabel="chunks")
    steps, seams = (np.concatenate(parts) for parts in zip(*map(velocity_steps, bags), strict=True))
    step.hist([steps[~seams], steps[seams]], bins=60, log=True, density=True, label=["inside a chunk", "at a seam"])
    step.set(title="Step of the joint velocity per tick", xlabel="rad/s")
    step.legend(loc="upper right")
    first = max(bags, key=lambda b: len(b.ticks))
    seconds = first.stamps_s - first.stamps_s[0]
    arms = [np.array([t.arms[i].executed[:-1] for t in first.ticks]) for i in range(len(first.ticks[0].arms))]
    path.plot(seconds, max(arms, key=lambda joints: np.ptp(joints, axis=0).max()), lw=1)
    chunks = np.array([t.chunk_id for t in first.ticks])
    for at in seconds[1:][chunks[1:] != chunks[:-1]]:
        path.axvline(at, color="0.85", lw=0.6, zorder=0)
    path.set(title="Set points of the busier arm (grey: seams)", xlabel="s", ylabel="rad")
    figure.tight_layout()
    figure.savefig(file, dpi=110)


def measure(options: argparse.Namespace) -> tuple[dict[str, float | int], dict[str, float]]:
    """Run, or take the bags that are given; all figures and their targets."""
    rig = load_rig(RIG_FILE)
    with tempfile.TemporaryDirectory(prefix="bench_control_") as scratch:
        if options.bags:
            closed = closed_bags(options.bags)
        else:
            closed = run(Path(scratch), options.seconds, options.policy)
        bags = [read(bag, rig) for bag in closed]
    bags = [bag for bag in bags if bag.ticks and bag.following.any()]
    if not bags:
        sys.exit("bench: no episode was recorded; see the messages above")
    figures = figures_of(bags, rig.rate_hz)
    limit_ms = CAMERA_TO_COMMAND_MS + figures["inference_p50_ms"]
    targets = dict.fromkeys(("missed_ticks", "chunk_gap_ticks", "lost_messages"), 0.0)
    targets |= {"tick_jitter_p99_ms": 2.0, "camera_to_command_p50_ms": limit_ms, "seam_step_ratio": 1.0}
    if options.png:
        draw(bags, options.png)
    return figures, targets


def main() -> None:
    """Run, compute, print."""
    parser = make_parser(__doc__, QUICK, seconds=60.0)
    parser.add_argument("--policy", default="", help="checkpoint folder or 'expert' (default: the shipped checkpoint)")
    parser.add_argument("--bags", type=Path, help="compute from these bags instead of running")
    add_former_options(parser)
    options = parser.parse_args()
    if options.former:
        arguments = ["--seconds", str(options.seconds), "--policy", options.policy]
        figures, targets = compare("control", options.former, options.rounds, arguments, TIMED, ("missed_ticks",))
    else:
        figures, targets = measure(options)
    conclude("control", figures, targets, options)


if __name__ == "__main__":
    main()
