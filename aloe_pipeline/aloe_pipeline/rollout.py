"""What a rollout can be asked for: the arguments of `rollout.launch.py`, checked before anything starts."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from aloe_data.config import ConfigError, from_texts, parameter
from aloe_data.installed_files import NO
from aloe_data.recording import next_episode_id
from aloe_data.rig import Rig

EXPERT = "expert"


@dataclass(frozen=True)
class RolloutConfig:
    """Arguments of a rollout."""

    rig: str = parameter("sim", doc="rig file, or NAME for the installed config/rig_NAME.yaml")
    task: str = parameter("", doc="task of a simulated rig; empty: the one that the rig file names")
    variation: str = parameter("none", doc="how much simulated scenes differ: none, training, unseen, disturbed, all")
    policy: str = parameter(
        "", doc=f"checkpoint folder, or '{EXPERT}' (simulated rigs); empty: the one that comes for the task"
    )
    n_action_steps: int = parameter(
        25, unit="ticks", low=1, high=1000, doc="from one chunk of the policy to the next; fewer see errors earlier"
    )
    critic: str = parameter("", doc="folder of a critic that says what each chunk is worth; empty: none")
    guided: bool = parameter(False, doc="of 8 chunks of the policy, the one that the critic values most is executed")
    critic_force: bool = parameter(False, doc="use a critic that failed its gates as well")
    critic_other_policy: bool = parameter(False, doc="use a critic of another policy's value as well")
    critic_low_advantage: float = parameter(
        1.0, low=0.0, unit="std(Q)", doc="alert where a chunk is this much worse than the policy's mean; 0: never"
    )
    critic_high_spread: float = parameter(
        1.0, low=0.0, unit="std(Q)", doc="alert where critics disagree so much; 0: never"
    )
    critic_ask_takeover: bool = parameter(False, doc="at an alert the policy's arms hold until a person decides")
    human: str = parameter(NO, doc="who may take over: scripted, pedals, ..., a teleop file, or 'false'")
    operator: str = parameter(
        "pedals", doc="devices of whoever says ready and stops where human:=false; a real rig does not move without"
    )
    episodes: int = parameter(3, low=1, high=100_000, doc="how many episodes to run")
    successes: int = parameter(0, low=0, high=100_000, doc="end early after so many successes; 0: run all episodes")
    record: str = parameter("bags", doc="folder for one bag per episode, or 'false'")
    seed: int = parameter(0, low=0, doc="scene seed of the first episode; rises by one per episode")
    prompt: str = parameter("", doc="the task in words; empty: the task's own")
    timeout_s: float = parameter(
        40.0, unit="s", low=0.5, high=3600.0, doc="an episode without a verdict ends after this"
    )
    headless: bool = parameter(True, doc="false opens the simulator's viewer")
    noise: float = parameter(
        0.0, unit="rad", low=0.0, high=0.2, doc="simulated arms miss their set points by this (std)"
    )
    real_time_factor: float = parameter(1.0, low=0.05, high=20.0, doc="simulated seconds per second; not 1: by /clock")


def rollout_config(arguments: Mapping[str, str]) -> RolloutConfig:
    """Parse launch arguments (`name:=value`, all text).

    Raises:
        ConfigError: names the argument and its nearest valid name, type or bounds.
    """
    return from_texts(RolloutConfig, arguments, "rollout.launch.py")


def resumed(config: RolloutConfig) -> RolloutConfig:
    """The same rollout, going on with the scene after those whose episodes its folder holds.

    Raises:
        ConfigError: nothing is recorded.
    """
    if config.record.lower() == NO:
        raise ConfigError("collecting needs a folder for the bags (record:=FOLDER)")
    folder = Path(config.record).expanduser()
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    return replace(config, seed=config.seed + int(next_episode_id(names).removeprefix("ep_")))


def find_checkpoint(policy: str, assets: Path, task: str) -> Path:
    """The checkpoint folder that `policy:=...` means; empty: the one that comes with the suite for a task.

    Args:
        policy: what was given.
        assets: Folder of what comes with the suite: a checkpoint per task, named like it.
        task: of the rig; "" where it has none.

    Raises:
        ConfigError: no such folder, or none comes for that task.
    """
    path = Path(policy).expanduser().resolve() if policy else assets / task
    if path.is_dir() and (policy or task):
        return path
    # Beside checkpoints there are stores of demonstrations, which have no hash of a policy.
    there = ", ".join(sorted(file.parent.name for file in assets.glob("*/sha256")))
    choices = f"choose the folder of a checkpoint, '{EXPERT}', or nothing for the tasks that one comes for ({there})"
    wrong = f"policy:={policy} is no folder" if policy else f"no checkpoint comes for the task '{task}'"
    raise ConfigError(f"{wrong}; {choices}")


def find_critic(critic: str) -> Path:
    """The folder that `critic:=...` means.

    Raises:
        ConfigError: there is none.
    """
    path = Path(critic).expanduser().resolve()
    if not path.is_dir():
        raise ConfigError(f"critic:={critic} is no folder; choose the one that train_critic wrote")
    return path


def check_scene(rig: Rig, task: str, variation: str) -> None:
    """Refuse a simulated rig's task or variation that there is not; a real rig has neither.

    Args:
        rig: Rig that is rolled out.
        task: Name that was asked for; empty: the rig file's own.
        variation: Name that was asked for.

    Raises:
        ValueError: There is no such task or variation; names those that there are.
    """
    if not rig.simulated:
        return
    from aloe_sim.tasks import make_task  # a real rig needs no simulator
    from aloe_sim.tasks.variation import named_variation

    make_task(task or rig.simulation.task)
    named_variation(variation)
