"""Episodes of a policy with a scripted human beside it, in one process per core and without ROS nodes, as bags.

    ./env python -m studies.common.collect --policy FOLDER --out DIR [--episodes 100] [--human] [--noise 0.03]

The same physics, control loop, person and recorded topics as a rollout through the graph, quicker than real time.
"""

import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from aloe_data.codecs import decode_of
from aloe_data.config import ConfigError, add_arguments, from_arguments, parameter
from aloe_data.installed_files import find_rig_file
from aloe_data.observation import Observation
from aloe_data.recording import EpisodeRecord, RecordingError, check_folder, next_episode_id, read_rig_files
from aloe_data.rig import RigError
from aloe_data.rig_file import load_rig
from aloe_data.seeds import refuse_held_out
from aloe_data.vocabulary import Verdict
from aloe_pipeline.rollout import find_checkpoint
from aloe_policy.backend import CheckpointError, load_policy
from aloe_sim.rig.cameras import CameraRenderer
from aloe_sim.rig.sim_rig import ActuatorNoise, SimRig
from aloe_sim.rollout.assisted import AssistedRig
from aloe_sim.rollout.episode import Episode
from aloe_sim.rollout.in_process import ChunkRefusedError, InProcessRig
from aloe_sim.ros.demo_bag import DemoBag
from aloe_sim.tasks import make_task
from aloe_sim.tasks.variation import VARIATIONS
from aloe_teleop.devices.scripted import ScriptedConfig
from bench.quick_parser import QuickParser

ROOT = Path(__file__).parents[2]
MIN_FREE_GIB = 1.0
QUICK = (
    "--out={folder}/bags",
    "--episodes=1",
    "--timeout-s=4",
    "--human",
)


@dataclass(frozen=True)
class CollectConfig:
    """What is collected."""

    out: Path = parameter(doc="folder for one bag per episode; numbering goes on where it stands")
    policy: str = parameter("", doc="checkpoint folder; empty: the shipped one")
    rig: str = parameter("sim", doc="rig file, or NAME of config/rig_NAME.yaml")
    task: str = parameter("", doc="task; empty: the one that the rig file names")
    variation: str = parameter("none", choices=tuple(VARIATIONS), doc="how much scenes differ, and what disturbs them")
    noise: float = parameter(0.0, unit="rad", low=0.0, high=0.2, doc="std of a wandering offset on the joints")
    episodes: int = parameter(20, low=1, doc="how many")
    seed: int = parameter(200_000, low=0, doc="scene seed of the first; rises by one")
    n_action_steps: int = parameter(25, unit="ticks", low=1, high=1000, doc="ticks from one chunk to the next")
    timeout_s: float = parameter(30.0, unit="s", low=1.0, doc="limit of an episode")
    human: bool = parameter(False, doc="a scripted human may take over")
    processes: int = parameter(1, low=1, high=256, doc="episodes at a time")


class Collector:
    """Collects episodes, one at a time.

    Raises:
        RigError, ValueError, ConfigError, CheckpointError: no such rig, task, person or policy.
    """

    def __init__(self, config: CollectConfig, person: ScriptedConfig) -> None:
        torch.set_num_threads(1)
        cv2.setNumThreads(1)
        self._config = config
        rig_file = find_rig_file(config.rig, ROOT / "config")
        self._rig = load_rig(rig_file)
        task = make_task(config.task) if config.task else None
        noise = ActuatorNoise(config.noise)
        variation = VARIATIONS[config.variation]
        self._process = InProcessRig(SimRig(self._rig, task, noise, variation))
        self._episode = Episode(self._process, config.timeout_s, judge_hz=None)
        self._person = AssistedRig(self._process, person) if config.human else None
        self._renderer = CameraRenderer(self._process.sim.model, self._rig)
        self._rig_text, self._urdfs = read_rig_files(rig_file, self._rig)

    def episode(self, name: str, seed: int) -> str:
        """Record one; returns its verdict."""
        config = self._config
        prompt = self._episode.begin(seed)
        shipped = ROOT / "assets"
        named = config.task or self._rig.simulation.task
        self._policy = load_policy(str(find_checkpoint(config.policy, shipped, named)), self._rig, seed=seed)
        versions = {"policy": self._policy.version}
        record = EpisodeRecord(name, prompt, seed, rig=self._rig_text, urdfs=self._urdfs, versions=versions)
        bag = DemoBag(config.out / name, record, self._process, self._renderer)
        if self._person is not None:
            self._person.begin(name, seed)
        while not self._episode.verdict:
            self._step(bag)
        bag.close(self._episode.verdict, self._episode.reason)
        return self._episode.verdict.name.lower()

    def _step(self, bag: DemoBag) -> None:
        """One control tick: a chunk where one is due, what the operator does, and what is recorded of both."""
        if self._episode.ticks % self._config.n_action_steps == 0:
            self._offer(bag)
        verdict = Verdict.NONE
        reason = ""
        if self._person is not None:
            verdict, reason = self._person.poll()
        result = self._episode.tick(bag.slice)
        if result is not None:
            bag.tick(result)
            bag.joint_states()
        # The judge knows better how an episode has ended than the operator does.
        if verdict and not self._episode.verdict:
            self._episode.end(Verdict.FAILURE, reason)

    def _offer(self, bag: DemoBag) -> None:
        images = {c.name: decode_of(c, bag.images[c.name]) for c in self._rig.cameras}
        seen = Observation(self._process.stamp_ns, self._process.joints(), images, self._process.sim.prompt)
        rows: NDArray[np.float32] = self._policy.infer(seen)
        try:
            bag.chunk(self._process.offer(rows, self._policy.version))
        except ChunkRefusedError:
            return  # refused: the chunk before goes on, and control says why if it ends


_collector: Collector


def _begin(config: CollectConfig, person: ScriptedConfig) -> None:
    global _collector
    _collector = Collector(config, person)


def _episode(name: str, seed: int) -> str:
    return _collector.episode(name, seed)


def collect(config: CollectConfig, person: ScriptedConfig) -> None:
    """Collect all episodes, with a progress bar, and say how they ended."""
    check_folder(config.out, MIN_FREE_GIB)
    first = int(next_episode_id(path.name for path in config.out.iterdir()).removeprefix("ep_"))
    verdicts = Counter[str]()
    pool = ProcessPoolExecutor(config.processes, get_context("spawn"), _begin, (config, person))
    with pool, tqdm(total=config.episodes, unit="episode") as progress:
        jobs = [pool.submit(_episode, f"ep_{first + i:04d}", config.seed + i) for i in range(config.episodes)]
        for job in as_completed(jobs):
            verdicts[job.result()] += 1
            progress.update()
            progress.set_postfix(verdicts)
    print(f"{config.out}: {config.episodes} episodes, {dict(verdicts)}")


def main() -> None:
    """Parse, check, collect."""
    parser = QuickParser(__doc__, QUICK)
    add_arguments(parser, CollectConfig)
    parser.add_argument("--skill", type=float, default=1.0, help="share of the person's takeovers that go well")
    parser.add_argument("--reaction", type=float, default=0.4, help="the person's reaction time, s")
    options = parser.parse_args()
    try:
        config = from_arguments(CollectConfig, options)
        refuse_held_out(range(config.seed, config.seed + config.episodes), "--seed")
        collect(config, ScriptedConfig(skill=options.skill, reaction_s=options.reaction))
    except (ConfigError, RigError, CheckpointError, RecordingError, ValueError) as error:
        sys.exit(f"collect: {error}")


if __name__ == "__main__":
    main()
