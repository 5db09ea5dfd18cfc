"""One seed of the study (`study.py`): episodes, critics, improvements, evaluations."""

import json
import shutil
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from cloning import clone
from encoder_errors import measure_errors
from keypoint_demos import Series, fill
from keypoint_store import collect, copy_store, read_log
from keypoint_world import World, load_seeing

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
from aloe_data.durable import append_line, replacing
from aloe_data.rig import Rig, load_rig
from aloe_data.rollout import find_rig_file
from aloe_data.section import nearest
from aloe_data.seeds import HELD_OUT
from aloe_policy.learner import LearnerConfig
from aloe_policy.ros.improve import ImproveConfig, improve
from aloe_policy.ros.policy_store import StoreConfig, matching_policy, new_store
from aloe_policy.training import CollapseError
from aloe_sim.tasks import TASKS
from aloe_sim.variation import VARIATIONS
from aloe_teleop.devices.scripted import ScriptedConfig

ROOT = Path(__file__).parents[1]
FIRST_DEMO, FIRST_DISTURBED = 100_000, 110_000  # scenes that the shipped warm start was shown
DISTURBED = 0.4  # share of the demonstrations with bumps, pushes and slipping grasps
KEEP_GOOD = {"rule": "binary", "human": "forced_positive", "failures": "dropped"}
WEIGHTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "bc_more": ({"method": "hg_dagger"}, {}),  # of demonstrations alone
    "hg_dagger": ({"method": "hg_dagger"}, {}),
    "hg_helped": ({"method": "hg_dagger"}, {"failures": "dropped"}),  # without corrections that did not help
    "hg_half": ({"method": "hg_dagger"}, {"failures": "dropped", "correction_share": 0.5}),  # and those half of all
    "filtered_bc": ({"method": "filtered_bc"}, {}),
    "uniform": ({"method": "uniform"}, {}),
    "awr": ({"method": "awr"}, {}),
    "recap": ({"method": "recap"}, {}),
    "aloe": ({"method": "aloe"}, {}),
    "aloe_top": ({"method": "aloe"}, {**KEEP_GOOD, "top": 0.5}),
    "aloe_seen": ({"method": "aloe", "advantage": "seen"}, {**KEEP_GOOD, "top": 0.5}),
    "poco": ({"method": "poco"}, {}),
}
"""How chunks are weighted: what `weigh` is asked for, and how advantages become weights, where they differ."""
AT_RUN_TIME = ("consensus", "guided", "aloe_guided", "aloe_top_guided")
"""Best of 8 samples: nearest to their mean (a control), or by the critic; of the warm start or an improved one."""
METHODS = ("bc", *WEIGHTS, *AT_RUN_TIME)
WITH_CRITIC = ("aloe", "aloe_top", "aloe_seen", "poco", "guided", "aloe_guided", "aloe_top_guided")


@dataclass(frozen=True)
class StudyConfig:
    """What is compared, and how much of it all."""

    out: Path = parameter(doc="folder of the study")
    policy: Path = parameter(doc="checkpoint that every method begins with")
    store: str = parameter("", doc="store of its demonstrations, seen through its encoder; default: made anew")
    task: str = parameter("phone_packing", doc="task")
    methods: str = parameter(
        "bc,bc_more,hg_dagger,filtered_bc,uniform,awr,aloe,aloe_top,consensus,guided,aloe_top_guided",
        doc="separated by commas; of " + ", ".join(METHODS),
    )
    seeds: int = parameter(5, low=1, doc="independent studies")
    rounds: int = parameter(1, low=1, doc="of collecting and improving")
    demos: int = parameter(100, low=2, doc="demonstrations that every method keeps learning from")
    warm_steps: int = parameter(
        0, low=0, doc="of a warm start trained anew for every seed on its demonstrations; 0: all begin with --policy"
    )
    episodes: int = parameter(100, low=1, doc="to collect in every round")
    evaluations: int = parameter(100, low=1, doc="held-out scenes per policy")
    variation: str = parameter("none", doc="of the scenes to collect in")
    tested: str = parameter(
        "none", doc="variations to evaluate in, separated by commas; disturbed@10: with chunks of 10 ticks"
    )
    skill: float = parameter(0.8, low=0.0, high=1.0, doc="share of the person's takeovers that go well")
    reaction_s: float = parameter(0.4, unit="s", low=0.0, high=5.0, doc="the person's")
    tremor_m: float = parameter(0.002, unit="m", low=0.0, high=0.05, doc="the person's (std)")
    stall_s: float = parameter(8.0, unit="s", low=0.5, doc="without progress until the person takes over")
    n_action_steps: int = parameter(25, unit="ticks", low=1, high=50, doc="h")
    latency_ticks: int = parameter(
        4,
        unit="ticks",
        low=0,
        high=49,
        doc="from an observation until its chunk is followed; fewer than h (4: as in the graph)",
    )
    stride: int = parameter(5, unit="ticks", low=1, doc="between the ticks at which chunks begin")
    actor_steps: int = parameter(1500, low=1, doc="of every improvement")
    actor_rate: float = parameter(5e-4, low=0.0, doc="learning rate of every improvement")
    actor_batch: int = parameter(128, low=1, doc="observations per step of policies")
    critic_steps: int = parameter(1500, low=1, doc="of the critic")
    value_steps: int = parameter(500, low=1, doc="of each of the two state values of awr")
    timeout_s: float = parameter(30.0, unit="s", low=1.0, doc="limit of an episode")
    processes: int = parameter(1, low=1, high=256, doc="seeds at a time, of one thread each")

    @property
    def named(self) -> list[str]:
        """The methods."""
        return self.methods.split(",")

    def check(self) -> None:
        """Refuse a method, task, variation or store that does not exist, and a guided policy that nobody improves.

        Raises:
            ConfigError: with the remedy.
        """
        tests = [read_test(test, self.n_action_steps) for test in self.tested.split(",")]
        kinds = {"--methods": (self.named, METHODS), "--tested": ([name for name, _ in tests], VARIATIONS)}
        kinds |= {"--variation": ([self.variation], VARIATIONS), "--task": ([self.task], TASKS)}
        for option, (given, known) in kinds.items():
            if unknown := [name for name in given if name not in known]:
                raise ConfigError(f"{option} {unknown[0]}: unknown; {nearest(unknown[0], known)}")
        shortest = min(self.n_action_steps, *(h for _, h in tests))
        if self.latency_ticks >= shortest:
            raise ConfigError(
                f"--latency-ticks {self.latency_ticks}: no chunk of {shortest} ticks would ever be followed; less "
                "latency, or longer chunks (--n-action-steps, --tested)"
            )
        for name in self.named:
            base = name.removesuffix("_guided")
            if base != name and base not in self.named:
                raise ConfigError(f"--methods {name}: guides what {base} makes; name that as well")
        if self.store and not (Path(self.store) / "store.json").exists():
            raise ConfigError(
                f"--store {self.store}: no store of episodes; make one with `ros2 run aloe_policy ingest`"
            )


def read_test(said: str, usual: int) -> tuple[str, int]:
    """What policies are evaluated in, VARIATION or VARIATION@TICKS: the variation, and ticks per chunk.

    Raises:
        ConfigError: ticks that are none.
    """
    name, _, ticks = said.partition("@")
    if ticks and not 1 <= int(ticks if ticks.isdigit() else 0) <= 50:
        raise ConfigError(f"--tested {said}: {ticks} is no number of ticks; say {name}@10, of 1 to 50")
    return name, int(ticks or usual)


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
        tests = {test: read_test(test, config.n_action_steps) for test in config.tested.split(",")}
        seen_in = {"none", config.variation, *(name for name, _ in tests.values())}
        self.errors = {name: measure_errors(str(config.policy), self.rig, config.task, name) for name in seen_in}

        def world(variation: str, n_action_steps: int, person: ScriptedConfig | None = None) -> World:
            where = self.rig, config.task, self.errors[variation], variation, n_action_steps, config.timeout_s
            return World(*where, person, latency_ticks=config.latency_ticks)

        self.world = world(config.variation, config.n_action_steps, person)
        self.test_worlds = {test: world(*named) for test, named in tests.items()}

    def run(self) -> None:
        """Whatever is not done yet."""
        demos, warm = self.demonstrations(), self.warm_start()
        self.evaluate("bc", 0, warm)
        for method in [name for name in self.config.named if name in WEIGHTS]:
            policy, store = warm, demos
            for number in range(1, self.config.rounds + 1):
                store = store if method == "bc_more" else self.collect(method, number, policy, store)
                policy = self.improved(method, number, policy, store)
                self.evaluate(method, number, policy)
        for method in [name for name in self.config.named if name in AT_RUN_TIME]:
            self.at_run_time(method, warm)

    # Stages: each leaves a file, and is passed over where it lies

    def demonstrations(self) -> Path:
        """A store of those that this seed has; other ones than every other seed, if the warm start is its own."""
        config, store = self.config, self.folder / "store_0"
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
        config, out = self.config, self.folder / "warm"
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
        files, log = StoreConfig(**self._data(policy, store)), folder / f"collected_{number}.jsonl"
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
        out, file = folder / "policy", folder / "weights.npz"
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
            log, scenes = file.with_suffix(".jsonl"), range(HELD_OUT.start, HELD_OUT.start + self.config.evaluations)
            done = {outcome.seed: outcome for outcome in read_log(log)} if log.exists() else {}
            for scene in [scene for scene in scenes if scene not in done]:
                noise = 1_000_000 * self.seed + scene
                driver: Any = load_seeing(str(policy), self.rig, world.eyes, noise)
                if method in AT_RUN_TIME:
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
