"""One seed of the study (`studies/methods/study.py`): episodes, critics, improvements, evaluations."""

import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from aloe_critic.checkpoint import load_critic
from aloe_critic.critic_config import CriticConfig
from aloe_critic.guided import GuidedPolicy, consensus, critic_score
from aloe_critic.health import Gates
from aloe_critic.networks import NetworkConfig
from aloe_critic.ros.critic_training import TrainCriticConfig
from aloe_critic.ros.train_critic import train_critic
from aloe_critic.ros.weigh import Choices, WeighConfig, weigh
from aloe_critic.scorer import AskConfig, ChunkScorer
from aloe_critic.state_value import ValueConfig
from aloe_critic.weights import WeightConfig
from aloe_data.durable import append_line, copy_in_place, replacing
from aloe_data.installed_files import find_rig_file
from aloe_data.rig import Rig
from aloe_data.rig_file import load_rig
from aloe_data.seeds import HELD_OUT
from aloe_policy.learner import LearnerConfig
from aloe_policy.ros.improve import ImproveConfig, improve
from aloe_policy.ros.policy_store import StoreConfig, matching_policy, new_store
from aloe_policy.training import CollapseError
from aloe_teleop.devices.scripted import ScriptedConfig
from studies.common.cloning import clone
from studies.common.encoder_errors import measure_errors
from studies.common.keypoint_demos import Series, fill
from studies.common.keypoint_store import collect, copy_store, read_log
from studies.common.keypoint_world import World, load_with_encoder
from studies.common.study_folder import same_options
from studies.methods.options import AT_RUN_TIME, GROWS, WEIGHTS, WITH_CRITIC, StudyConfig, read_test

ROOT = Path(__file__).parents[2]
# scenes that the shipped warm start was shown
FIRST_DEMO = 100_000
FIRST_DISTURBED = 110_000
DISTURBED = 0.4  # share of the demonstrations with bumps, pushes and slipping grasps


class SeedStudy:
    """All methods with one seed."""

    def __init__(self, config: StudyConfig, seed: int) -> None:
        self.config = config
        self.seed = seed
        self.folder = config.out / config.task / f"seed_{seed}"
        self.folder.mkdir(parents=True, exist_ok=True)
        begun = (self.folder / "store_0").exists()
        same_options(self.folder / "options.json", config, GROWS, begun)
        self.rig_file = find_rig_file("sim", ROOT / "config")
        self.rig: Rig = load_rig(self.rig_file)
        person = ScriptedConfig(
            skill=config.skill,
            reaction_s=config.reaction_s,
            noise_m=config.tremor_m,
            stall_s=config.stall_s,
            hand_back=config.hand_back,
        )
        tests = {test: read_test(test, config.n_action_steps) for test in config.tested.split(",")}
        seen_in = {"none", config.variation, *(name for name, _ in tests.values())}
        self.errors = {
            name: measure_errors(str(config.policy), self.rig, config.task, name, config.pictures) for name in seen_in
        }

        def world(variation: str, n_action_steps: int, person: ScriptedConfig | None = None) -> World:
            where = self.rig, config.task, self.errors[variation], variation, n_action_steps, config.timeout_s
            return World(*where, person, latency_ticks=config.latency_ticks)

        self.world = world(config.variation, config.n_action_steps, person)
        self.test_worlds = {test: world(*named) for test, named in tests.items()}

    def run(self) -> None:
        """Whatever is not done yet."""
        demos = self.demonstrations()
        warm = self.warm_start()
        self.evaluate("bc", 0, warm)
        for method in [name for name in self.config.named if name in WEIGHTS]:
            policy = warm
            store = demos
            for number in range(1, self.config.rounds + 1):
                store = store if method == "bc_more" else self.collect(method, number, policy, store)
                policy = self.improved(method, number, policy, store)
                self.evaluate(method, number, policy)
        for method in [name for name in self.config.named if name in AT_RUN_TIME]:
            self.at_run_time(method, warm)

    # Stages: each leaves a file, and is passed over where it lies

    def demonstrations(self) -> Path:
        """A store of those that this seed has; other ones than every other seed, if the warm start is its own."""
        config = self.config
        store = self.folder / "store_0"
        if config.store:
            if not store.exists():
                copy_store(Path(config.store), store, config.demos, self.seed)
            return store
        stored = new_store(store, matching_policy(StoreConfig(**self._data(config.policy, store)), self.rig))
        shift = 1000 * self.seed if config.warm_steps else 0
        disturbed = round(DISTURBED * config.demos)
        noisy = Series(range(FIRST_DEMO + shift, FIRST_DEMO + shift + config.demos - disturbed), "none", 0.01)
        first = FIRST_DISTURBED + shift
        fill(
            stored,
            self.rig,
            config.task,
            self.errors["none"],
            (noisy, Series(range(first, first + disturbed), "disturbed", 0.015)),
        )
        return store

    def warm_start(self) -> Path:
        """The policy that every method begins with."""
        config = self.config
        out = self.folder / "warm"
        if config.warm_steps and not out.exists():
            learning = replace(self._learning(), steps=config.warm_steps, learning_rate=1e-3)
            clone(StoreConfig(**self._data(config.policy, self.folder / "store_0")), self.rig, learning, out)
        return out if config.warm_steps else config.policy

    def collect(self, method: str, number: int, policy: Path, before: Path) -> Path:
        """Episodes with the person beside the policy; the first round's are the same for all methods."""
        folder = self.folder if number == 1 else self.folder / f"{method}_{number}"
        store = folder / f"store_{number}"
        first = 200_000 + 10_000 * self.seed + 1000 * number
        scenes = range(first, first + self.config.episodes)
        folder.mkdir(exist_ok=True)
        files = StoreConfig(**self._data(policy, store))
        log = folder / f"collected_{number}.jsonl"
        collect(self.world, policy, files, scenes, f"round{number}", log, before)
        return store

    def critic(self, policy: Path, store: Path, folder: Path) -> Path:
        """What chunks of the policy are worth."""
        out = folder / "critic"
        if out.exists():
            return out
        shutil.rmtree(folder / "critic_training", ignore_errors=True)
        data = self._data(policy, store) | self._chunks() | {"held_out": 0.15}
        files = TrainCriticConfig(out=out, evaluate_every=500, **data)
        learning = CriticConfig(steps=self.config.critic_steps, seed=self.seed)
        train_critic(files, NetworkConfig(), learning, Gates())
        return out

    def improved(self, method: str, number: int, policy: Path, store: Path) -> Path:
        """A policy of one round of a method."""
        folder = self.folder / f"{method}_{number}"
        out = folder / "policy"
        file = folder / "weights.npz"
        if out.exists():
            return out
        folder.mkdir(exist_ok=True)
        shutil.rmtree(folder / "policy_training", ignore_errors=True)
        asked_for, options = WEIGHTS[method]
        critic = ""
        if method in WITH_CRITIC:
            critic = str(self.critic(policy, store, self.folder if number == 1 else folder))
        if not file.exists():
            asked = WeighConfig(out=file, critic=critic, **asked_for, **self._data(policy, store), **self._chunks())
            value = ValueConfig(folds=2, value_steps=self.config.value_steps, value_batch_size=128)
            weigh(asked, Choices(AskConfig(force=True, samples=4), WeightConfig(**options), value))
        try:
            improve(ImproveConfig(out=out, weights=file, **self._data(policy, store)), self._learning())
        except CollapseError as error:
            print(f"{method}: {error}; the policy stays as it was", flush=True)
            copy_in_place(policy, out)
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
            trained = load_critic(critic, self.rig) if critic else None
            log = file.with_suffix(".jsonl")
            scenes = range(HELD_OUT.start, HELD_OUT.start + self.config.evaluations)
            done = {outcome.seed: outcome for outcome in read_log(log)} if log.exists() else {}
            for scene in [scene for scene in scenes if scene not in done]:
                noise = 1_000_000 * self.seed + scene
                driver: Any = load_with_encoder(str(policy), self.rig, world.encoder, noise)
                if method in AT_RUN_TIME:
                    score = critic_score(ChunkScorer(trained, driver, 1)) if trained else consensus
                    driver = GuidedPolicy(driver, score, driver.version, seed=noise)
                done[scene] = world.roll(scene, driver)
                append_line(log, json.dumps(asdict(done[scene])))
            _write(file, [asdict(done[scene]) for scene in scenes])
            log.unlink()
            rate = np.mean([done[scene].verdict == "success" for scene in scenes])
            print(f"{method} round {number} {name}: {rate:.0%} of {len(scenes)}", flush=True)

    def _learning(self) -> LearnerConfig:
        config = self.config
        return LearnerConfig(
            steps=config.actor_steps,
            batch_size=config.actor_batch,
            noises_per_observation=2,
            learning_rate=config.actor_rate,
            max_rise=3.0,
            seed=self.seed,
        )

    def _chunks(self) -> dict[str, int]:
        return {"n_action_steps": self.config.n_action_steps, "stride": self.config.stride}

    def _data(self, policy: Path, store: Path) -> dict[str, Any]:
        return {"rig": self.rig_file, "policy": policy, "store": str(store)}


def _write(file: Path, outcomes: list[dict[str, Any]]) -> None:
    with replacing(file) as whole:
        whole.write(json.dumps(outcomes, indent=1).encode())
