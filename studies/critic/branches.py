"""Good and bad chunks from the same state: branch simulated rollouts, and see what every branch was worth.

    ./env python -m studies.critic.branches --policy FOLDER --out FILE.npz
        [--task sorting] [--states 60] [--processes 2]

In states that the policy gets into, each candidate (the expert's chunk, samples of the policy, a blunder) is executed
several times from a copy of the physics, and the policy goes on from there. What is kept: what the policy saw, what was
executed, what was seen after it, and how many ticks it took to succeed (-1: it did not). For measuring critics, never
for training them.
No pictures are rendered (`keypoint_world.py`): for critics that learned from episodes of that kind (`critic_data.py`).
"""

import contextlib
import copy
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from aloe_data.config import ConfigError, add_arguments, from_arguments, parameter
from aloe_data.durable import replacing
from aloe_data.installed_files import find_rig_file
from aloe_data.observation import Observation
from aloe_data.rig import RigError
from aloe_data.rig_file import load_rig
from aloe_data.seeds import HELD_OUT
from aloe_pipeline.rollout import find_checkpoint
from aloe_policy.backend import CheckpointError
from aloe_sim.rig.sim_rig import ActuatorNoise
from aloe_sim.rollout.blunders import blunder, holding
from aloe_sim.rollout.in_process import InProcessRig
from aloe_sim.tasks.expert_base import CannotHelpError
from aloe_sim.tasks.registry import make_expert
from bench.quick_parser import QuickParser
from studies.common.encoder_errors import measure_errors
from studies.common.keypoint_world import SimulatedEncoder, World, load_with_encoder

ROOT = Path(__file__).parents[2]
KINDS = ("expert", "policy", "policy", "policy", "blunder")
HORIZON = 50
Array = NDArray[Any]
QUICK = (
    "--out={folder}/branches.npz",
    "--task=phone_packing",
    "--pictures=20",
    "--states=1",
    "--chunks=4",
    "--repeats=1",
    "--limit-s=2",
)


@dataclass(frozen=True)
class BranchesConfig:
    """Which states, and how far they are rolled on."""

    out: Path = parameter(doc="file to write (.npz)")
    policy: str = parameter("", doc="checkpoint folder; empty: the shipped one")
    rig: str = parameter("sim", doc="rig file, or NAME of config/rig_NAME.yaml")
    task: str = parameter("", doc="task; empty: the one that the rig file names")
    noise: float = parameter(0.03, unit="rad", low=0.0, high=0.2, doc="std of a wandering offset on the joints")
    states: int = parameter(60, low=1, doc="states to branch from")
    chunks: int = parameter(14, low=2, doc="of an episode that are looked at")
    per_episode: int = parameter(2, low=1, doc="states of one episode, at most")
    repeats: int = parameter(4, low=1, doc="continuations per chunk")
    limit_s: float = parameter(12.0, unit="s", low=0.5, doc="a branch that has not succeeded by then has failed")
    n_action_steps: int = parameter(25, unit="ticks", low=1, high=HORIZON, doc="ticks from one chunk to the next")
    seed: int = parameter(HELD_OUT.start + 5000, low=0, doc="scene seed of the first episode; rises by one")
    pictures: int = parameter(500, low=1, doc="rendered moments by which the errors of the encoder are measured")
    processes: int = parameter(1, low=1, high=256, doc="episodes at a time")


class Brancher:
    """Rolls episodes, and branches them."""

    def __init__(self, config: BranchesConfig) -> None:
        torch.set_num_threads(1)
        self._config = config
        self._rig = load_rig(find_rig_file(config.rig, ROOT / "config"))
        shipped = ROOT / "assets"
        task = config.task or self._rig.simulation.task
        checkpoint = str(find_checkpoint(config.policy, shipped, task))
        self._errors = measure_errors(checkpoint, self._rig, task, pictures=config.pictures)
        world = World(
            self._rig, task, self._errors, n_action_steps=config.n_action_steps, noise=ActuatorNoise(config.noise)
        )
        self._process = world.process
        self._policy = load_with_encoder(checkpoint, self._rig, world.encoder, seed=0)

    def episode(self, seed: int) -> list[dict[str, Array]]:
        """The branched states of one episode."""
        process = self._process
        config = self._config
        found = []
        rng = np.random.default_rng([seed, 3])
        process.reset(seed)
        wanted = set(rng.choice(np.arange(1, config.chunks), config.per_episode, replace=False).tolist())
        for chunk in range(config.chunks):
            seen, tokens = self._observe(process, rng)
            if chunk in wanted and (branches := self._branch(seen, rng)):
                found.append({"tokens": tokens, **branches})
            self._see(tokens)
            if not _follow(process, self._policy.infer(seen), config.n_action_steps)[0]:
                break
        return found

    def _branch(self, seen: Observation, rng: np.random.Generator) -> dict[str, Array] | None:
        try:
            expert = make_expert(copy.deepcopy(self._process.sim)).chunk(HORIZON, executed=self._config.n_action_steps)
        except CannotHelpError:
            return None
        proposed = [self._policy.infer(seen) for _ in range(KINDS.count("policy"))]
        arms = holding(self._process) or [arm.name for arm in self._rig.arms]
        candidates = [expert, *proposed, blunder(self._process, proposed[0], str(rng.choice(arms)), rng)]
        results = [self._roll(rows, rng) for rows in candidates]
        return {
            "state": np.asarray(seen.state, np.float32),
            "prompt": np.array(seen.prompt),
            "requested": np.stack(candidates).astype(np.float32),
            **{key: np.stack([result[key] for result in results]) for key in results[0]},
        }

    def _roll(self, rows: Array, rng: np.random.Generator) -> dict[str, Array]:
        """What became of a chunk, see `aloe_critic.branched.Branches`; of the first repeat where it is one's alone."""
        found = []
        for _ in range(self._config.repeats):
            process = copy.deepcopy(self._process)
            process.sim._rng = np.random.default_rng(rng.integers(2**31))  # other noise from here on
            found.append(self._to_the_end(process, rows, rng))
        return {**found[0], "ticks": np.stack([each["ticks"] for each in found])}

    def _to_the_end(self, process: InProcessRig, rows: Array, rng: np.random.Generator) -> dict[str, Array]:
        h = self._config.n_action_steps
        goes_on, executed = _follow(process, rows, h)
        seen, tokens = self._observe(process, rng)
        done = len(executed)
        after = {"next_state": np.asarray(seen.state, np.float32), "next_tokens": tokens}
        while goes_on and done < self._config.limit_s * self._rig.rate_hz:
            goes_on, more = _follow(process, self._policy.infer(seen), h)
            seen = self._observe(process, rng)[0]
            done = done + len(more)
        won = not goes_on and process.sim.task.success(process.sim.data)
        return {"executed": _padded(executed, h), **after, "ticks": np.array(done if won else -1)}

    def _observe(self, process: InProcessRig, rng: np.random.Generator) -> tuple[Observation, Array]:
        """What is observed of a process, and what the policy's encoder sees of it from now on, float16 [C, K, 3]."""
        encoder = SimulatedEncoder(process.sim, self._errors)
        encoder.rng = rng
        tokens = encoder()
        self._see(tokens)
        return Observation(process.stamp_ns, process.joints(), {}, process.sim.prompt), tokens

    def _see(self, tokens: Array) -> None:
        self._policy.simulated_encoder = lambda: tokens


def _follow(process: InProcessRig, rows: Array, ticks: int) -> tuple[bool, Array]:
    """Whether the episode goes on after some ticks of a chunk, and what was executed in them, float32 [t, S]."""
    with contextlib.suppress(RuntimeError):  # refused: the chunk before goes on
        process.offer(rows, "policy")
    executed = []
    task = process.sim.task
    for _ in range(ticks):
        result = process.tick()
        executed.append(np.concatenate([arm.executed for arm in result.arms]))
        if task.success(process.sim.data) or task.failure(process.sim.data) or process.control.fault:
            return False, np.array(executed, np.float32)
    return True, np.array(executed, np.float32)


def _padded(executed: Array, h: int) -> Array:
    return np.concatenate([executed, np.repeat(executed[-1:], h - len(executed), axis=0)])


_brancher: Brancher


def _begin(config: BranchesConfig) -> None:
    global _brancher
    _brancher = Brancher(config)


def _episode(seed: int) -> list[dict[str, Array]]:
    return _brancher.episode(seed)


def branch(config: BranchesConfig) -> None:
    """Branch as many states as wanted; the file holds those that are done at any time."""
    config.out.parent.mkdir(parents=True, exist_ok=True)
    found: list[dict[str, Array]] = []
    pool = ProcessPoolExecutor(config.processes, get_context("spawn"), _begin, (config,))
    seeds = range(config.seed, config.seed + config.states)
    with pool, tqdm(total=config.states, unit="state") as progress:
        for job in as_completed([pool.submit(_episode, seed) for seed in seeds]):
            if job.result():
                found += job.result()
                progress.update(len(job.result()))
                rates = _write(config.out, found)
            if len(found) >= config.states:
                pool.shutdown(cancel_futures=True)
                break
    if not found:
        raise ConfigError("no state to branch from: every episode ended before its first")
    print(f"{config.out}: {len(found)} states; success after each kind of chunk: {rates}")


def _write(out: Path, found: list[dict[str, Array]]) -> str:
    """What was found, in a file; returns how often each kind of chunk was followed by success, in words."""
    arrays = {key: np.stack([state[key] for state in found]) for key in found[0]}
    with replacing(out) as whole:
        np.savez_compressed(whole, kinds=np.array(KINDS), **arrays)
    success = (arrays["ticks"] >= 0).mean(axis=(0, 2))
    return ", ".join(f"{kind} {rate:.0%}" for kind, rate in zip(KINDS, success, strict=True))


def main() -> None:
    """Parse, branch."""
    parser = QuickParser(__doc__, QUICK)
    add_arguments(parser, BranchesConfig)
    try:
        branch(from_arguments(BranchesConfig, parser.parse_args()))
    except (ConfigError, RigError, CheckpointError, ValueError) as error:
        sys.exit(f"branches: {error}")


if __name__ == "__main__":
    main()
