"""How quickly bags become training data, and how quickly that is sampled.

Bags of JPEG cameras (recorded here with the scripted expert, or --bags DIR), at the policy's resolution:
  x_realtime               hours of episodes read, aligned and stored per hour, in two processes, without features
  ratio_to_plain_decode    time of one process for that, over the time of a loop that reads the same bags with the same
                           reader and does nothing but decode and resize every image with the same decoder
  x_realtime_with_features the whole command `ros2 run aloe_policy ingest`, its start included
Ten hours of episodes, written straight into a store, then sampled in a process of its own:
  replay_rss_mib           peak of resident memory; mapped files count, though the system takes them back when in need
  transitions_per_s        chunk transitions with features, in batches of 256
"""

import os
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
from output import conclude, make_parser

from aloe_data.bag_folders import find_bags
from aloe_data.codecs import decode_compressed, resize_image
from aloe_data.episode_store import EpisodeStore
from aloe_data.feature_store import FeatureStore
from aloe_data.fingerprint import fingerprint
from aloe_data.frames import Episode, EpisodeFacts, Words
from aloe_data.replay import Replay, ReplayConfig
from aloe_data.rig import Rig
from aloe_data.rig_file import load_rig
from aloe_data.transitions import RewardConfig

RIG_FILE = Path(__file__).parents[1] / "config" / "rig_sim.yaml"
IMAGE_SIZE = (96, 128)  # of the shipped policy
TOKENS = (9, 3)  # features of one frame, as of the shipped policy's encoder
PROCESSES = 2
EPISODE_TICKS = 5000
BATCH = 256
TARGETS = {"ratio_to_plain_decode": 1.0, "replay_rss_mib": 1024.0}
FLOORS = {"x_realtime": 15.0, "transitions_per_s": 20_000.0}
QUICK = (
    "--seconds=1",
    "--episodes=2",
    "--hours=0.2",
)


def record(folder: Path, episodes: int) -> None:
    """Bags of the scripted expert, in their own process: rendering must not leave anything behind in this one."""
    from aloe_pipeline.ros.record_demos import DemoConfig, record_fast

    config = DemoConfig(out=folder, episodes=episodes, fast=True)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        pool.submit(record_fast, config, RIG_FILE).result()


@cache
def rig() -> Rig:
    """The rig of all bags."""
    return load_rig(RIG_FILE)


def read_aligned(bag: Path) -> Episode:
    """What a process of ingest does with a bag before features."""
    from aloe_data.ros.bag_frames import read_episode

    episode = read_episode(bag, rig(), image_size=IMAGE_SIZE)
    return replace(episode, frames={name: frames[:, :0, :0].copy() for name, frames in episode.frames.items()})


def plain_decode(bag: Path) -> int:
    """Read all messages of a bag and decode all images."""
    from aloe_data.ros.bag_reader import read_messages

    cameras = {camera.topic: camera for camera in rig().cameras}
    images = 0
    for topic, message, _ in read_messages(bag):
        if topic in cameras:
            resize_image(decode_compressed(bytes(message.data), cameras[topic]), IMAGE_SIZE)
            images += 1
    return images


def begin() -> None:
    """One core for each process."""
    cv2.setNumThreads(1)
    import aloe_data.ros.bag_frames  # noqa: F401 -- imported once, before anything is timed


def seconds_of(episodes: list[Episode]) -> float:
    """Length of episodes, from their first tick to their last one [s]."""
    return sum(float(e.stamps_ns[-1] - e.stamps_ns[0]) / 1e9 for e in episodes)


def ingest_figures(folder: Path, scratch: Path, png: Path | None) -> dict[str, float | int]:
    """Figures of reading the bags in a folder, and a picture if a file for it is named."""
    bags = find_bags(folder)
    begin()
    read_aligned(bags[0]), plain_decode(bags[0])
    one = []
    plain = []
    for bag in bags:  # taking turns, so that both meet the same load
        one.append(cpu_s(partial(read_aligned, bag)))
        plain.append(cpu_s(partial(plain_decode, bag)))
    store = EpisodeStore(scratch / "store", rig(), IMAGE_SIZE)
    episodes = []
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn"), initializer=begin) as pool:
        list(pool.map(read_aligned, bags[:1] * PROCESSES))  # the processes have started
        start = time.perf_counter()
        for bag, episode in zip(bags, pool.map(read_aligned, bags), strict=True):
            store.append(episode, str(bag), fingerprint(bag))
            episodes.append(episode)
        two_s = time.perf_counter() - start
    if png:
        draw(one, plain, png)
    seconds = seconds_of(episodes)
    return {
        "episodes": len(bags),
        "episodes_s": seconds,
        "x_realtime": seconds / two_s,
        "x_realtime_one_process": seconds / sum(one),
        "ratio_to_plain_decode": sum(one) / sum(plain),
        "x_realtime_with_features": seconds / whole_command_s(folder, scratch),
    }


def cpu_s(work: partial[object]) -> float:
    """CPU time of a call [s]: what others do on the machine does not count."""
    start = time.process_time()
    work()
    return time.process_time() - start


def whole_command_s(bags: Path, scratch: Path) -> float:
    """Time of the ingest command with an encoder of the shipped policy's size [s]."""
    import json
    import subprocess

    from safetensors.torch import save_file

    from aloe_policy.encoders.keypoints import ImageEncoder

    names = tuple(f"keypoint {k}" for k in range(TOKENS[0]))
    encoder = scratch / "encoder.safetensors"
    save_file(ImageEncoder(names).state_dict(), encoder, {"keypoints": json.dumps(names)})
    options = {"bags": bags, "rig": RIG_FILE, "encoder": encoder, "store": scratch / "whole", "processes": PROCESSES}
    words = [word for key, value in options.items() for word in (f"--{key}", str(value))]
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", "aloe_policy.ros.ingest", *words], check=True)
    return time.perf_counter() - start


def draw(one: list[float], plain: list[float], file: Path) -> None:
    """Per bag, what ingest takes and what plain decoding takes."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(8, 4))
    axes.bar(np.arange(len(one)) - 0.2, one, 0.4, label="read, decoded, aligned")
    axes.bar(np.arange(len(plain)) + 0.2, plain, 0.4, label="read, decoded")
    axes.set(title="One process per bag", xlabel="bag", ylabel="CPU time, s")
    axes.legend()
    figure.tight_layout()
    figure.savefig(file, dpi=110)


def synthetic(of: Rig, hours: float) -> Iterator[Episode]:
    """Episodes of random motion, without images."""
    rng = np.random.default_rng(0)
    none = Words(("",), np.zeros((1, 1), np.int32))
    count = round(hours * 3600 * of.rate_hz / EPISODE_TICKS)
    frame = (np.arange(EPISODE_TICKS) * 3 // 5)[:, None].repeat(len(of.cameras), axis=1)  # 30 Hz at 50 Hz ticks
    ticks = np.arange(EPISODE_TICKS)
    for number in range(count):
        rows = rng.standard_normal((EPISODE_TICKS, of.state_dim), dtype=np.float32)
        yield Episode(
            facts=EpisodeFacts(f"ep_{number:04d}", "sort", number, ("success", "failure")[number % 2], ""),
            rig=of,
            stamps_ns=ticks * 20_000_000,
            ticks=ticks,
            state=rows,
            observed=np.ones(EPISODE_TICKS, bool),
            frames={camera.name: np.zeros((frame.max() + 1, 0, 0, 3), np.uint8) for camera in of.cameras},
            frame_index=frame,
            requested=rows,
            executed=rows,
            source=np.ones((EPISODE_TICKS, len(of.arms)), np.uint8),
            operator=none,
            reason=none,
            clip=none,
            chunk_id=ticks,
            step=ticks,
            policy_version=("v",) * EPISODE_TICKS,
        )


def write_store(folder: Path, hours: float) -> None:
    """A store of synthetic episodes with features."""
    store = EpisodeStore(folder, rig(), IMAGE_SIZE)
    features = FeatureStore(store, "synthetic", TOKENS)
    rng = np.random.default_rng(1)
    for episode in synthetic(rig(), hours):
        bag = f"/synthetic/{episode.facts.episode_id}"
        stored = store.append(episode, bag, bag)
        features.write(stored, rng.random((stored.frames, *TOKENS), dtype=np.float32).astype(np.float16))


def sample(folder: Path, seconds: float) -> dict[str, float | int]:
    """Figures of a replay, measured in the process that calls it."""
    store = EpisodeStore(folder, rig(), IMAGE_SIZE)
    start = time.perf_counter()
    replay = Replay(store, FeatureStore(store, "synthetic", TOKENS), ReplayConfig(), RewardConfig())
    opened_s = time.perf_counter() - start
    batches = 0
    start = time.perf_counter()
    while time.perf_counter() - start < seconds:
        replay.sample(BATCH)
        batches += 1
    rate = batches * BATCH / (time.perf_counter() - start)
    anonymous = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("RssAnon"))
    return {
        "replay_hours": round(store.column("stamps_ns").shape[0] / store.rig.rate_hz / 3600, 3),
        "replay_open_s": opened_s,
        "chunks": len(replay),
        "replay_rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "replay_own_mib": int(anonymous.split()[1]) / 1024,
        "transitions_per_s": rate,
    }


def main() -> None:
    """Measure and print."""
    parser = make_parser(__doc__, QUICK, seconds=10.0)
    parser.add_argument("--bags", type=Path, help="folder of bags of the simulated rig, instead of recording some")
    parser.add_argument("--episodes", type=int, default=12, help="to record (default: 12)")
    parser.add_argument("--hours", type=float, default=10.0, help="of synthetic episodes (default: 10)")
    options = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with tempfile.TemporaryDirectory(prefix="bench_ingest_") as name:
        scratch = Path(name)
        if not options.bags:
            record(scratch / "bags", options.episodes)
        figures = ingest_figures(options.bags or scratch / "bags", scratch, options.png)
        write_store(scratch / "hours", options.hours)
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            figures |= pool.submit(sample, scratch / "hours", options.seconds).result()
    conclude("ingest", figures, TARGETS, options, FLOORS)


if __name__ == "__main__":
    main()
