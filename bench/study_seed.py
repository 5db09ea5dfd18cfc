"""One seed of the study (`study.py`): warm start, episodes, improvements, evaluations."""

import json
import shutil
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from keypoint_world import Recording, World, keep, load_seeing

from aloe_critic.asking import AskConfig
from aloe_critic.checkpoint import load_critic
from aloe_critic.guided import GuidedPolicy, consensus, critic_score
from aloe_critic.health import Gates
from aloe_critic.learner import CriticConfig
from aloe_critic.networks import NetworkConfig
from aloe_critic.ros.critic_training import TrainCriticConfig
from aloe_critic.ros.train_critic import train_critic
from aloe_critic.ros.weigh import Choices, WeighConfig, weigh
from aloe_critic.state_value import ValueConfig
from aloe_critic.weights import WeightConfig
from aloe_data.config import ConfigError, parameter
from aloe_data.durable import replacing
from aloe_data.episode_store import EpisodeStore, FeatureStore
from aloe_data.rig import Rig, load_rig
from aloe_data.rollout import find_rig_file
from aloe_data.section import nearest
from aloe_data.seeds import HELD_OUT
from aloe_policy.actions import ActionSpace
from aloe_policy.dataset import build
from aloe_policy.encoder import TOKEN_WIDTH, ImageEncoder
from aloe_policy.encoder_file import load_encoder, save_encoder
from aloe_policy.learner import ActorLearner, LearnerConfig
from aloe_policy.model import ModelConfig, TinyVLA
from aloe_policy.ros.improve import ImproveConfig, improve
from aloe_policy.ros.ingest import encoder_hash
from aloe_policy.ros.train import demonstrations
from aloe_policy.tiny import save_tiny
from aloe_policy.training import CollapseError
from aloe_sim.tasks import TASKS
from aloe_sim.variation import VARIATIONS
from aloe_teleop.devices.scripted import ScriptedConfig

ROOT = Path(__file__).parents[1]
VIEW = (128, 96)
"""Width and height that the views would have, px."""
KEEP_GOOD = {"rule": "binary", "human": "forced_positive", "failures": "dropped"}
WEIGHTS: dict[str, tuple[str, dict[str, Any]]] = {
    "hg_dagger": ("hg_dagger", {}),
    "filtered_bc": ("filtered_bc", {}),
    "uniform": ("uniform", {}),
    "awr": ("awr", {}),
    "aloe": ("aloe", {}),
    "aloe_top": ("aloe", {**KEEP_GOOD, "top": 0.5}),
    "poco": ("poco", {}),
}
"""How chunks are weighted: method of `weigh`, and what differs from its defaults."""
AT_RUN_TIME = ("consensus", "guided", "aloe_guided", "aloe_top_guided")
"""Best of 8 samples: nearest to their mean (a control), or by the critic; of the warm start or an improved one."""
METHODS = ("bc", *WEIGHTS, *AT_RUN_TIME)
WITH_CRITIC = ("aloe", "aloe_top", "poco", "guided", "aloe_guided", "aloe_top_guided")


@dataclass(frozen=True)
class StudyConfig:
    """What is compared, and how much of it all."""

    out: Path = parameter(doc="folder of the study")
    task: str = parameter("phone_packing", doc="task")
    methods: str = parameter(
        "bc,hg_dagger,filtered_bc,uniform,awr,aloe,aloe_top,consensus,guided,aloe_top_guided",
        doc="separated by commas; of " + ", ".join(METHODS),
    )
    seeds: int = parameter(5, low=1, doc="independent studies")
    rounds: int = parameter(1, low=1, doc="of collecting and improving")
    demos: int = parameter(60, low=2, doc="demonstrations of the warm start")
    episodes: int = parameter(100, low=1, doc="to collect in every round")
    evaluations: int = parameter(100, low=1, doc="held-out scenes per policy")
    variation: str = parameter("none", doc="of the scenes to collect in")
    tested: str = parameter("none", doc="variations to evaluate in, separated by commas")
    noise: float = parameter(0.01, unit="rad", low=0.0, high=0.2, doc="largest actuator noise of demonstrations")
    skill: float = parameter(0.8, low=0.0, high=1.0, doc="share of the person's takeovers that go well")
    reaction_s: float = parameter(0.4, unit="s", low=0.0, high=5.0, doc="the person's")
    tremor_m: float = parameter(0.002, unit="m", low=0.0, high=0.05, doc="the person's (std)")
    stall_s: float = parameter(8.0, unit="s", low=0.5, doc="without progress until the person takes over")
    n_action_steps: int = parameter(25, unit="ticks", low=1, high=50, doc="h")
    stride: int = parameter(5, unit="ticks", low=1, doc="between the ticks at which chunks begin")
    width: int = parameter(64, low=8, doc="of the policy")
    warm_steps: int = parameter(1500, low=1, doc="optimiser steps of the warm start")
    actor_steps: int = parameter(800, low=1, doc="of every improvement")
    critic_steps: int = parameter(1500, low=1, doc="of the critic")
    value_steps: int = parameter(500, low=1, doc="of each of the two state values of awr")
    timeout_s: float = parameter(30.0, unit="s", low=1.0, doc="limit of an episode")
    processes: int = parameter(1, low=1, high=256, doc="seeds at a time, of one thread each")

    @property
    def named(self) -> list[str]:
        """The methods."""
        return self.methods.split(",")

    def check(self) -> None:
        """Refuse a method, task or variation that does not exist.

        Raises:
            ConfigError: with the names that do.
        """
        kinds = {"--methods": (self.named, METHODS), "--tested": (self.tested.split(","), VARIATIONS)}
        kinds |= {"--variation": ([self.variation], VARIATIONS), "--task": ([self.task], TASKS)}
        for option, (given, known) in kinds.items():
            if unknown := [name for name in given if name not in known]:
                raise ConfigError(f"{option} {unknown[0]}: unknown; {nearest(unknown[0], known)}")


class SeedStudy:
    """All methods with one seed."""

    def __init__(self, config: StudyConfig, seed: int) -> None:
        self.config, self.seed, self.folder = config, seed, config.out / config.task / f"seed_{seed}"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.rig_file = find_rig_file("sim", ROOT / "config")
        self.rig: Rig = load_rig(self.rig_file)
        person = ScriptedConfig(
            skill=config.skill, reaction_s=config.reaction_s, noise_m=config.tremor_m, stall_s=config.stall_s
        )
        rest = config.n_action_steps, config.timeout_s
        self.world = World(self.rig, config.task, config.variation, *rest, person=person)
        self.test_worlds = {name: World(self.rig, config.task, name, *rest) for name in config.tested.split(",")}
        self.encoder = self.folder / "encoder.safetensors"
        if not self.encoder.exists():
            torch.manual_seed(seed)  # its hash is all that counts: nobody looks through it
            save_encoder(ImageEncoder(self.world.process.sim.task.keypoint_names), self.encoder)

    def run(self) -> None:
        """Whatever is not done yet."""
        warm = self.warm_start()
        self.evaluate("bc", 0, warm)
        for method in [name for name in self.config.named if name in WEIGHTS]:
            policy, store = warm, self.folder / "store"
            for number in range(1, self.config.rounds + 1):
                store = self.collect(method, number, policy, store)
                policy = self.improved(method, number, policy, store)
                self.evaluate(method, number, policy)
        for method in [name for name in self.config.named if name in AT_RUN_TIME]:
            self.at_run_time(method, warm)

    # Stages: each leaves a file, and is passed over where it lies

    def warm_start(self) -> Path:
        """A policy that learned from demonstrations alone."""
        out, (store, features) = self.folder / "warm", self._stores(self.folder / "store")
        for number in range(len(store.episodes), self.config.demos):
            recording = Recording()
            outcome = self.world.demonstrate(100_000 + 1000 * self.seed + number, self.config.noise, recording)
            keep(recording, outcome, f"demo_{number:04d}", store, features)
        if out.exists():
            return out
        row, end = demonstrations(store, self.config.stride)
        data = build(store, features, ActionSpace(self.rig), row, end, ModelConfig.action_horizon)
        learning = LearnerConfig(steps=self.config.warm_steps, noises_per_observation=2, seed=self.seed)
        encoder, dims = load_encoder(self.encoder), (len(data.normaliser.state_mean), self.rig.action_dim)
        sizes = ModelConfig(len(self.rig.cameras), encoder.keypoints, *dims, width=self.config.width)
        torch.manual_seed(self.seed)
        actor, rng = ActorLearner(TinyVLA(sizes), learning), np.random.default_rng(self.seed)
        for step in range(learning.steps):
            index = rng.integers(0, len(data), learning.batch_size)
            metrics = actor.step(data.batch(index, torch.device("cpu")))
            if step % 100 == 0:
                print(f"warm start: step {step}, loss {metrics['loss']:.3f}", flush=True)
        facts = {"image_size": VIEW, "training": {"demonstrations": self.config.demos}, "card": ""}
        save_tiny(out, self.rig, encoder, actor.average, data.normaliser, **facts)
        return out

    def collect(self, method: str, number: int, policy: Path, before: Path) -> Path:
        """Episodes with the person beside the policy; the first round's are the same for all methods."""
        folder = self.folder if number == 1 else self.folder / f"{method}_{number}"
        store_folder, log = folder / f"store_{number}", folder / f"collected_{number}.json"
        if log.exists():
            return store_folder
        shutil.rmtree(store_folder, ignore_errors=True)
        shutil.copytree(before, store_folder)
        store, features = self._stores(store_folder)
        outcomes = []
        first = 200_000 + 10_000 * self.seed + 1000 * number
        for scene in range(first, first + self.config.episodes):
            recording = Recording()
            outcome = self.world.roll(
                scene, load_seeing(str(policy), self.rig, self.world.eyes, scene), recording, True
            )
            keep(recording, outcome, f"round{number}_{scene}", store, features)
            outcomes.append(asdict(outcome))
            print(f"collected {len(outcomes)}: {outcome}", flush=True)
        _write(log, outcomes)
        return store_folder

    def critic(self, policy: Path, store: Path, folder: Path) -> Path:
        """What chunks of the policy are worth."""
        out = folder / "critic"
        if out.exists():
            return out
        shutil.rmtree(folder / "critic_training", ignore_errors=True)
        files = TrainCriticConfig(out=out, n_step=4, held_out=0.15, evaluate_every=500, **self._data(policy, store))
        learning = CriticConfig(steps=self.config.critic_steps, tau=0.02, seed=self.seed)
        train_critic(files, NetworkConfig(width=64, layers=2), learning, Gates())
        return out

    def improved(self, method: str, number: int, policy: Path, store: Path) -> Path:
        """A policy of one round of a method."""
        folder = self.folder / f"{method}_{number}"
        out, file = folder / "policy", folder / "weights.npz"
        if out.exists():
            return out
        folder.mkdir(exist_ok=True)
        shutil.rmtree(folder / "policy_training", ignore_errors=True)
        name, options = WEIGHTS[method]
        critic = ""
        if method in WITH_CRITIC:
            critic = str(self.critic(policy, store, self.folder if number == 1 else folder))
        if not file.exists():
            asked = WeighConfig(out=file, method=name, critic=critic, **self._data(policy, store))
            asked = replace(asked, n_action_steps=self.config.n_action_steps)
            value = ValueConfig(folds=2, value_steps=self.config.value_steps, value_batch_size=128)
            weigh(asked, Choices(AskConfig(force=True, samples=4), WeightConfig(**options), value))
        learning = LearnerConfig(
            steps=self.config.actor_steps,
            noises_per_observation=2,
            learning_rate=3e-4,
            max_rise=3.0,
            seed=self.seed,
        )
        given = self._data(policy, store)
        given.pop("stride")
        try:
            improve(ImproveConfig(out=out, weights=file, **given), learning)
        except CollapseError as error:
            print(f"{method}: {error}; the policy stays as it was", flush=True)
            shutil.copytree(policy, out)
        return out

    def at_run_time(self, method: str, warm: Path) -> None:
        """The best of 8 samples."""
        store = self.folder / "store_1"
        critic = self.critic(warm, store, self.folder) if method in WITH_CRITIC else None
        policy = self.folder / f"{method.removesuffix('_guided')}_1" / "policy" if "_guided" in method else warm
        self.evaluate(method, 1, policy, critic)

    def evaluate(self, method: str, number: int, policy: Path, critic: Path | None = None) -> None:
        """Episodes of a policy alone in held-out scenes."""
        for name, world in self.test_worlds.items():
            file = self.folder / f"evaluated_{method}_{number}_{name}.json"
            if file.exists():
                continue
            score = critic_score(load_critic(critic, self.rig)) if critic else consensus
            outcomes = []
            for scene in range(HELD_OUT.start, HELD_OUT.start + self.config.evaluations):
                driver: Any = load_seeing(str(policy), self.rig, world.eyes, scene)
                if method in AT_RUN_TIME:
                    driver = GuidedPolicy(driver, score, driver.version, seed=scene)
                outcomes.append(asdict(world.roll(scene, driver)))
            _write(file, outcomes)
            rate = np.mean([o["verdict"] == "success" for o in outcomes])
            print(f"{method} round {number} {name}: {rate:.0%} of {len(outcomes)}", flush=True)

    def _data(self, policy: Path, store: Path) -> dict[str, Any]:
        return {"rig": self.rig_file, "policy": policy, "store": str(store), "stride": self.config.stride}

    def _stores(self, folder: Path) -> tuple[EpisodeStore, FeatureStore]:
        names = self.world.process.sim.task.keypoint_names
        store = EpisodeStore(folder, self.rig, VIEW[::-1])
        return store, FeatureStore(store, encoder_hash(self.encoder), (len(names), TOKEN_WIDTH))


def _write(file: Path, outcomes: list[dict[str, Any]]) -> None:
    with replacing(file) as whole:
        whole.write(json.dumps(outcomes, indent=1).encode())
