"""What would a policy gain from a better image encoder? The same demonstrations and training, seen with other errors.

    ./env python -m studies.perception.encoders --policy FOLDER --out DIR
        [--kinds measured,perfect] [--steps 3000] [--processes 2]

The expert demonstrates without pictures (`keypoint_world.py`); for each kind of encoder a policy is cloned from what it
saw, and drives alone in held-out scenes, with the same encoder. `measured`: as the encoder of --policy errs;
`sharp`: a third of its errors of place; `presence_known`: it claims what is visible and nothing else;
`perfect`: both without error. What is done is kept in --out.
"""

import os
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import torch
from tqdm import tqdm

from aloe_data.config import ConfigError, add_arguments, from_arguments, parameter
from aloe_data.installed_files import find_rig_file
from aloe_data.rig_file import load_rig
from aloe_data.section import nearest
from aloe_data.seeds import HELD_OUT
from aloe_policy.learner import LearnerConfig
from aloe_policy.ros.policy_store import BAD_INPUT, StoreConfig, matching_policy, new_store
from bench.quick_parser import QuickParser
from studies.common.cloning import clone
from studies.common.encoder_errors import EncoderErrors, measure_errors
from studies.common.keypoint_demos import Series, fill
from studies.common.keypoint_world import World, load_with_encoder

ROOT = Path(__file__).parents[2]
KINDS = {"measured": (1.0, False), "sharp": (0.3, False), "presence_known": (1.0, True), "perfect": (0.0, True)}
"""What is left of the errors of place, and whether presence is known."""
FIRST_DEMO = 400_000
FIRST_DISTURBED = 410_000
QUICK = (
    "--out={folder}/encoders",
    "--policy={assets}/phone_packing",
    "--kinds=measured",
    "--pictures=20",
    "--demos=3",
    "--disturbed=1",
    "--steps=5",
    "--evaluations=1",
    "--timeout-s=8",
)


@dataclass(frozen=True)
class EncodersConfig:
    """What is compared, and how much of it all."""

    out: Path = parameter(doc="folder for stores and policies")
    policy: Path = parameter(doc="checkpoint of which encoder, sizes and statistics are taken, and no weights")
    task: str = parameter("phone_packing", doc="task; with keypoints")
    kinds: str = parameter("measured,perfect", doc="of encoder, separated by commas; of " + ", ".join(KINDS))
    demos: int = parameter(200, low=2, doc="demonstrations without disturbances")
    disturbed: int = parameter(140, low=0, doc="demonstrations with bumps, pushes and slipping grasps")
    steps: int = parameter(3000, low=1, doc="of training")
    evaluations: int = parameter(100, low=1, doc="held-out scenes per policy")
    n_action_steps: int = parameter(25, unit="ticks", low=1, high=50, doc="h, from one chunk to the next")
    latency_ticks: int = parameter(
        4, unit="ticks", low=0, high=49, doc="from an observation until its chunk is followed; fewer than h"
    )
    timeout_s: float = parameter(30.0, unit="s", low=1.0, doc="limit of an episode")
    pictures: int = parameter(500, low=1, doc="rendered moments by which the errors of the encoder are measured")
    processes: int = parameter(1, low=1, high=256, doc="kinds at a time, of one thread each")


def run(config: EncodersConfig, kind: str, known: EncoderErrors) -> list[bool]:
    """Success of the policy that one kind of encoder makes, scene by scene."""
    torch.set_num_threads(1)
    rig_file = find_rig_file("sim", ROOT / "config")
    rig = load_rig(rig_file)
    folder = config.out / kind
    files = StoreConfig(rig=rig_file, policy=config.policy, store=str(folder / "store"))
    offsets, presence_known = KINDS[kind]
    errors = known.reduced(offsets, presence_known)
    stored = new_store(folder / "store", matching_policy(files, rig))
    noisy = Series(range(FIRST_DEMO, FIRST_DEMO + config.demos), "none", 0.01)
    disturbed = Series(range(FIRST_DISTURBED, FIRST_DISTURBED + config.disturbed), "disturbed", 0.015)
    fill(stored, rig, config.task, errors, (noisy, disturbed))
    if not (folder / "policy").exists():
        learning = LearnerConfig(steps=config.steps, batch_size=128, noises_per_observation=2)
        clone(files, rig, learning, folder / "policy")
    rest = config.n_action_steps, config.timeout_s
    world = World(rig, config.task, errors, "none", *rest, latency_ticks=config.latency_ticks)
    scenes = range(HELD_OUT.start, HELD_OUT.start + config.evaluations)
    policies = (load_with_encoder(str(folder / "policy"), rig, world.encoder, scene) for scene in scenes)
    return [world.roll(scene, policy).verdict == "success" for scene, policy in zip(scenes, policies, strict=True)]


def main() -> None:
    """Parse, run, print."""
    parser = QuickParser(__doc__, QUICK)
    add_arguments(parser, EncodersConfig)
    try:
        config = from_arguments(EncodersConfig, parser.parse_args())
        kinds = config.kinds.split(",")
        if unknown := [kind for kind in kinds if kind not in KINDS]:
            raise ConfigError(f"--kinds {unknown[0]}: unknown; {nearest(unknown[0], KINDS)}")
        rig = load_rig(find_rig_file("sim", ROOT / "config"))
        known = measure_errors(str(config.policy), rig, config.task, pictures=config.pictures)
        os.environ["OMP_NUM_THREADS"] = "1"
        pool = ProcessPoolExecutor(config.processes, get_context("spawn"))
        with pool, tqdm(total=len(kinds), unit="kind") as bar:
            jobs = {pool.submit(run, config, kind, known): kind for kind in kinds}
            for job in as_completed(jobs):
                won = job.result()
                bar.update()
                tqdm.write(f"{jobs[job]}: {sum(won)} of {len(won)}")
    except (*BAD_INPUT, ValueError) as error:
        sys.exit(f"encoders: {error}")


if __name__ == "__main__":
    main()
