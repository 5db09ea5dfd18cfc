"""How often a policy succeeds, in one process per core and without ROS: the same tasks, control loop and images.

    ./env python bench/evaluate.py --policy FOLDER|expert [--task sorting] [--seeds 0:50] [--processes 2]

Every episode starts from its seed alone, the policy's sampling included, so that results can be compared seed by seed.
The last line is JSON: the rates, and per seed its verdict, progress and length.
"""

import argparse
import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import torch

from aloe_data.config import ConfigError, add_arguments, from_arguments, parameter
from aloe_data.rig import RigError, load_rig
from aloe_data.rollout import EXPERT, find_checkpoint, find_rig_file
from aloe_policy.backend import CheckpointError, load_policy
from aloe_sim.evaluation import EpisodeResult, Policy, evaluate, expert_policy, summarise
from aloe_sim.rollout_env import EnvConfig, RolloutEnv
from aloe_sim.tasks import make_task

ROOT = Path(__file__).parents[1]
SHIPPED = ROOT / "aloe_policy" / "checkpoints" / "sorting"


@dataclass(frozen=True)
class EvaluateConfig:
    """What to evaluate, and how."""

    policy: str = parameter("", doc=f"checkpoint folder, or '{EXPERT}'; empty: the shipped checkpoint")
    rig: str = parameter("sim", doc="rig file, or NAME of config/rig_NAME.yaml")
    seeds: str = parameter("0:50", doc="scenes, FIRST:END (END is not among them)")
    processes: int = parameter(1, low=1, high=256, doc="episodes at a time")
    threads: int = parameter(1, low=1, high=64, doc="CPU threads of one inference")


def seed_range(text: str) -> range:
    """The seeds of "FIRST:END". Raises ConfigError for anything else."""
    first, _, end = text.partition(":")
    if not (first.isdigit() and end.isdigit() and int(first) < int(end)):
        raise ConfigError(f"--seeds {text}: expected FIRST:END with FIRST < END, such as 0:50")
    return range(int(first), int(end))


def make_env(rig_file: Path, config: EnvConfig, threads: int) -> RolloutEnv:
    """The environment of one process."""
    torch.set_num_threads(threads)
    cv2.setNumThreads(1)
    return RolloutEnv(load_rig(rig_file), config)


def make_policy(policy: str, env: RolloutEnv, seed: int) -> Policy:
    """The policy of one episode."""
    if policy == EXPERT:
        return expert_policy(env, seed)
    return load_policy(policy, env.rig, seed=seed).infer


def print_all(results: Iterable[EpisodeResult]) -> list[EpisodeResult]:
    """Print every result when it comes in; all of them in the order of their seeds."""
    done = []
    for result in results:
        print(result, flush=True)
        done.append(result)
    return sorted(done, key=lambda r: r.seed)


def main() -> None:
    """Evaluate, summarise, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for parameters in (EvaluateConfig, EnvConfig):
        add_arguments(parser, parameters)
    options = parser.parse_args()
    try:
        config, of_env = from_arguments(EvaluateConfig, options), from_arguments(EnvConfig, options)
        rig_file, seeds = find_rig_file(config.rig, ROOT / "config"), seed_range(config.seeds)
        if of_env.task:
            make_task(of_env.task)  # refused here, not in every process
        policy = EXPERT if config.policy == EXPERT else str(find_checkpoint(config.policy, SHIPPED))
        env = partial(make_env, rig_file, of_env, config.threads)
        done = print_all(evaluate(env, partial(make_policy, policy), seeds, config.processes))
    except (ConfigError, RigError, CheckpointError, ValueError) as error:
        sys.exit(f"evaluate: {error}")
    total = summarise(done)
    print(total)
    low, high = total.interval
    figures = {"success_rate": total.success_rate, "interval": [low, high], "progress": total.progress}
    figures |= {"trials": total.trials, "aborted": total.aborted, "mean_length_s": total.length_s}
    episodes = [[r.seed, r.verdict.name.lower(), round(r.progress, 3), r.length_s] for r in done]
    print(json.dumps({"policy": policy, "rig": config.rig, "figures": figures, "episodes": episodes}))


if __name__ == "__main__":
    main()
