"""What a study of critics learns from and is measured on: episodes without pictures (`keypoint_world.py`), as stores.

    ./env python -m studies.critic.data --policy FOLDER --store DEMOS_STORE --out DIR --task phone_packing
        [--demos 100] [--episodes 120] [--blunders 40]

OUT/store: demonstrations, and episodes of the policy with a person beside it: failures and takeovers among them.
OUT/blunders_store: episodes of the policy alone in which a hand that has closed opens once, and its arm moves aside;
OUT/blunders/blunders.jsonl says when. A critic should notice. Give both to `levers.py`.
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aloe_data.config import add_arguments, from_arguments, parameter
from aloe_data.installed_files import find_rig_file
from aloe_data.observation import Observation
from aloe_data.rig_file import load_rig
from aloe_policy.ros.policy_store import BAD_INPUT, StoreConfig, matching_policy, open_store
from aloe_sim.rig.sim_rig import ActuatorNoise
from aloe_sim.rollout.blunders import Blunder
from aloe_teleop.devices.scripted import ScriptedConfig
from bench.quick_parser import QuickParser
from studies.common.encoder_errors import measure_errors
from studies.common.keypoint_store import collect, copy_store, keep
from studies.common.keypoint_world import KeypointPolicy, Recording, World, load_with_encoder

ROOT = Path(__file__).parents[2]
FIRST_SCENE = 300_000
FIRST_BLUNDER = 310_000
QUICK = (
    "--out={folder}/critic",
    "--policy={assets}/phone_packing",
    "--store={assets}/phone_packing_demonstrations",
    "--pictures=20",
    "--demos=4",
    "--episodes=3",
    "--blunders=1",
    "--stall-s=0.5",
    "--timeout-s=8",
)


@dataclass(frozen=True)
class DataConfig:
    """How much of what."""

    out: Path = parameter(doc="folder to write")
    policy: Path = parameter(doc="checkpoint that acts")
    store: Path = parameter(doc="store of its demonstrations, seen through its encoder")
    task: str = parameter("phone_packing", doc="task")
    rig: str = parameter("sim", doc="rig file, or NAME of config/rig_NAME.yaml")
    demos: int = parameter(100, low=1, doc="demonstrations to learn from")
    episodes: int = parameter(120, low=1, doc="assisted episodes to learn from")
    blunders: int = parameter(40, low=1, doc="episodes with a blunder, to measure on")
    noise: float = parameter(0.0, unit="rad", low=0.0, high=0.2, doc="std of a wandering offset on the joints")
    skill: float = parameter(0.8, low=0.0, high=1.0, doc="share of the person's takeovers that go well")
    stall_s: float = parameter(8.0, unit="s", low=0.5, doc="without progress until the person takes over")
    n_action_steps: int = parameter(25, unit="ticks", low=1, high=50, doc="h")
    timeout_s: float = parameter(25.0, unit="s", low=1.0, doc="limit of an episode")
    pictures: int = parameter(500, low=1, doc="rendered moments by which the errors of the encoder are measured")


class Blundering:
    """A policy that spoils one of its chunks."""

    def __init__(self, policy: KeypointPolicy, blunder: Blunder, n_action_steps: int) -> None:
        self.version = policy.version
        self._policy = policy
        self._blunder = blunder
        self._h = n_action_steps
        self._chunks = 0

    def infer(self, observation: Observation) -> NDArray[np.float32]:
        """See `ChunkPolicy.infer`."""
        self._chunks += 1
        return self._blunder.spoil(self._policy.infer(observation), (self._chunks - 1) * self._h)


def make(config: DataConfig) -> None:
    """Both stores.

    Raises:
        ValueError, or one of BAD_INPUT: no such rig, task, store or policy.
    """
    rig_file = find_rig_file(config.rig, ROOT / "config")
    rig = load_rig(rig_file)
    person = ScriptedConfig(skill=config.skill, stall_s=config.stall_s)
    rest = config.n_action_steps, config.timeout_s, person, ActuatorNoise(config.noise)
    errors = measure_errors(str(config.policy), rig, config.task, pictures=config.pictures)
    world = World(rig, config.task, errors, "none", *rest)
    learned = config.out / "store"
    measured = config.out / "blunders_store"

    copy_store(config.store, config.out / "demos_store", config.demos)
    files = StoreConfig(rig=rig_file, policy=config.policy, store=str(learned))
    scenes = range(FIRST_SCENE, FIRST_SCENE + config.episodes)
    log = config.out / "collected.jsonl"
    outcomes = collect(world, config.policy, files, scenes, "own", log, config.out / "demos_store")
    print({verdict: sum(o.verdict == verdict for o in outcomes) for verdict in {o.verdict for o in outcomes}})

    copy_store(config.store, measured, 1)  # a store needs its first episode
    files = StoreConfig(rig=rig_file, policy=config.policy, store=str(measured))
    store, features = open_store(files, matching_policy(files, rig))
    (config.out / "blunders").mkdir(exist_ok=True)
    with (config.out / "blunders" / "blunders.jsonl").open("w") as log:
        for scene in range(FIRST_BLUNDER, FIRST_BLUNDER + config.blunders):
            blunder = Blunder(world.process, np.random.default_rng([scene, 2]))
            recording = Recording()
            policy = load_with_encoder(str(config.policy), rig, world.encoder, scene)
            outcome = world.roll(scene, Blundering(policy, blunder, config.n_action_steps), recording)
            if blunder.tick is not None:
                keep(recording, outcome, f"blunder_{scene}", store, features)
                line = {"episode": f"blunder_{scene}", "blunder_tick": blunder.tick, "verdict": outcome.verdict}
                print(json.dumps(line), file=log, flush=True)


def main() -> None:
    """Parse, make."""
    parser = QuickParser(__doc__, QUICK)
    add_arguments(parser, DataConfig)
    try:
        make(from_arguments(DataConfig, parser.parse_args()))
    except (*BAD_INPUT, ValueError) as error:
        sys.exit(f"critic_data: {error}")


if __name__ == "__main__":
    main()
