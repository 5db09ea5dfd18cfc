"""How often a policy succeeds, in one process per core and without ROS: the same tasks, control loop and images.

    ros2 run aloe_pipeline evaluate --policy FOLDER|expert [--task sorting] [--seeds 0:50] [--processes 2]

Every episode starts from its seed alone, the policy's sampling included, so that results can be compared seed by seed.
The last line is JSON: the rates, the conditions, and per seed its verdict, progress and length. --json FILE keeps it as
well. Scenes from 900000 on are held out of all training here; others may have been learned from. Stop it at any time:
what was finished is said and kept.
"""

import hashlib
import json
import sys
from collections.abc import Iterable
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import cv2
import torch
from ament_index_python.packages import get_package_share_directory

from aloe_data.command import run_command
from aloe_data.config import ConfigError, parameter
from aloe_data.durable import replacing
from aloe_data.installed_files import find_rig_file
from aloe_data.rig import RigError
from aloe_data.rig_file import load_rig
from aloe_data.seeds import HELD_OUT
from aloe_pipeline.rollout import EXPERT, find_checkpoint
from aloe_pipeline.ros.assets import assets_folder
from aloe_policy.backend import CheckpointError, load_policy
from aloe_policy.checkpoint import read_checkpoint
from aloe_sim.rollout.environment import EnvConfig, RolloutEnv
from aloe_sim.rollout.evaluation import EpisodeResult, Policy, evaluate, expert_policy, summarise
from aloe_sim.tasks import make_task


@dataclass(frozen=True)
class EvaluateConfig:
    """What to evaluate, and how."""

    policy: str = parameter("", doc=f"checkpoint folder, or '{EXPERT}'; empty: the shipped checkpoint")
    rig: str = parameter("sim", doc="rig file, or NAME of config/rig_NAME.yaml")
    seeds: str = parameter(f"{HELD_OUT.start}:{HELD_OUT.start + 50}", doc="scenes, FIRST:END (END is not among them)")
    processes: int = parameter(1, low=1, high=256, doc="episodes at a time")
    threads: int = parameter(1, low=1, high=64, doc="CPU threads of one inference")
    json: Path | None = parameter(None, doc="new file for the last line")


def seed_range(text: str) -> range:
    """The seeds of "FIRST:END". Raises ConfigError for anything else."""
    first, _, end = text.partition(":")
    if not (first.isdigit() and end.isdigit() and int(first) < int(end)):
        raise ConfigError(f"--seeds {text}: expected FIRST:END with FIRST < END, such as 900000:900050")
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
    loaded = load_policy(policy, env.rig, seed=seed)
    loaded.warm_up()
    return loaded.infer


def print_all(results: Iterable[EpisodeResult]) -> tuple[list[EpisodeResult], str]:
    """Print every result when it comes in; all of them in the order of their seeds, and "" or what broke them off."""
    done = []
    problem = ""
    try:
        for result in results:
            print(result, flush=True)
            done.append(result)
    except KeyboardInterrupt:
        problem = "interrupted"
    except BrokenProcessPool:
        problem = "a process died; is there enough memory for --processes?"
    return sorted(done, key=lambda r: r.seed), problem


def new_file(path: Path) -> None:
    """Make the folder of a file that is to be written. Raises ConfigError where that cannot be, or it is there."""
    if path.exists():
        raise ConfigError(f"--json {path}: is there already; name a new file (promote takes several of one policy)")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"--json {path}: {error.strerror}; name a file in another folder") from error


def run(config: EvaluateConfig, of_env: EnvConfig) -> None:
    """Evaluate, summarise, print.

    Raises:
        ConfigError, RigError, CheckpointError, ValueError: Bad input, before any episode.
    """
    share = Path(get_package_share_directory("aloe_bringup"))
    rig_file = find_rig_file(config.rig, share / "config")
    seeds = seed_range(config.seeds)
    if config.json:
        new_file(config.json)
    if of_env.task:
        make_task(of_env.task)  # refused here, not in every process
    rig = load_rig(rig_file)
    task = of_env.task or rig.simulation.task
    policy = EXPERT if config.policy == EXPERT else str(find_checkpoint(config.policy, assets_folder(), task))
    version = "" if policy == EXPERT else read_checkpoint(Path(policy), rig).version
    env = partial(make_env, rig_file, of_env, config.threads)
    done, problem = print_all(evaluate(env, partial(make_policy, policy), seeds, config.processes))
    total = summarise(done)
    print(total)
    low, high = total.interval
    figures = {"success_rate": total.success_rate, "interval": [low, high], "progress": total.progress}
    figures |= {"trials": total.trials, "aborted": total.aborted, "mean_length_s": total.length_s}
    episodes = [[r.seed, r.verdict.name.lower(), round(r.progress, 3), r.length_s] for r in done]
    settings = hashlib.sha256(repr(rig).encode()).hexdigest()  # limits, mounts and all
    conditions = {**asdict(of_env), "task": task, "rig": rig.contract, "rig_settings": settings[:12]}
    of = {"policy": policy, "version": version, "rig": config.rig}
    found = {**of, "conditions": conditions, "figures": figures, "episodes": episodes}
    line = json.dumps(found)
    print(line, flush=True)
    if config.json:
        with replacing(config.json) as file:
            file.write(line.encode() + b"\n")
    if problem:
        sys.exit(f"evaluate: {problem}; {len(done)} of {len(seeds)} episodes were finished")


def main() -> None:
    """Entry point of `evaluate`."""
    refused = (RigError, CheckpointError, ValueError)
    run_command("evaluate", run, EvaluateConfig, EnvConfig, about=__doc__, refused=refused)


if __name__ == "__main__":
    main()
