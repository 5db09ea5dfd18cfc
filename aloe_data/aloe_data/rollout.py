"""What a rollout can be asked for: the arguments of `rollout.launch.py`, checked before anything starts."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from aloe_data.config import ConfigError, from_texts, parameter
from aloe_data.driver import missing_drivers
from aloe_data.recording import next_episode_id
from aloe_data.rig import Rig
from aloe_data.section import Section
from aloe_data.yaml_file import read_yaml

EXPERT = "expert"
NO = "false"
BY_HAND_S = 600.0  # for somebody who has to start a node in a terminal


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


def find_rig_file(name: str, config_folder: Path) -> Path:
    """The rig file that `rig:=name` means: a path, or NAME of an installed `rig_NAME.yaml`.

    Raises:
        ConfigError: there is no such file; names the installed ones.
    """
    return _find("rig", name, "rig_", "rig", config_folder)


def find_teleop_file(name: str, config_folder: Path) -> Path | None:
    """The file of devices that `human:=name` means, as for rigs; None: nobody may take over.

    Raises:
        ConfigError: there is no such file; names the installed ones.
    """
    return None if name.lower() == NO else _find("human", name, "teleop_", "teleop file", config_folder)


def find_operator_file(human: str, operator: str, rig: Rig, config_folder: Path) -> Path | None:
    """The file of devices of whoever operates: takes over, or on a real rig at least says ready and stops.

    Args:
        human: What `human:=` says.
        operator: What `operator:=` says; it counts on a real rig where nobody may take over.
        rig: Rig that is operated.
        config_folder: Folder of the installed files.

    Raises:
        ConfigError: There is no such file; names the installed ones.
    """
    if human.lower() == NO and not rig.simulated:
        return _find("operator", operator, "teleop_", "teleop file", config_folder)
    return find_teleop_file(human, config_folder)


def _find(argument: str, name: str, prefix: str, what: str, config_folder: Path) -> Path:
    for path in (Path(name).expanduser(), config_folder / f"{prefix}{name}.yaml"):
        if path.is_file():
            return path.resolve()
    installed = sorted(p.stem.removeprefix(prefix) for p in config_folder.glob(f"{prefix}*.yaml"))
    raise ConfigError(
        f"{argument}:={name} is no file and no installed {what}; installed {what}s: {', '.join(installed)}"
    )


def find_checkpoint(policy: str, shipped: Path, task: str) -> Path:
    """The checkpoint folder that `policy:=...` means; empty: the one that comes with the suite for a task.

    Args:
        policy: what was given.
        shipped: folder of the checkpoints that come with the suite, by task.
        task: of the rig; "" where it has none.

    Raises:
        ConfigError: no such folder, or none comes for that task.
    """
    path = Path(policy).expanduser().resolve() if policy else shipped / task
    if path.is_dir() and (policy or task):
        return path
    there = ", ".join(sorted(folder.name for folder in shipped.iterdir() if folder.is_dir()))
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


def teleop_devices(teleop_file: Path | None) -> dict[str, dict[str, Any]]:
    """The devices that a teleop file names, by name; teleop_node, which knows the kinds, checks the rest of it.

    Raises:
        ConfigError: with file, line, key and remedy.
    """
    if teleop_file is None:
        return {}
    tree = read_yaml(teleop_file, ConfigError, "teleop file", "teleop_*.yaml")
    section = Section(tree, None, str(teleop_file), "", ConfigError).section("devices", None)
    return {name: _device(section.section(name, None)) for name in section.names()}


def _device(section: Section) -> dict[str, Any]:
    """A device; what others than teleop_node want to know of it is checked."""
    section.text("kind")
    if section.has("topic"):
        section.topic("topic")
    if section.has("device"):
        section.text("device")
    return {key: section.take(key) for key in section.names()}


def device_kinds(teleop_file: Path | None) -> set[str]:
    """Kinds of the devices that a teleop file names.

    Raises:
        ConfigError: see `teleop_devices`.
    """
    return {device["kind"] for device in teleop_devices(teleop_file).values()}


def ready_hint(teleop_file: Path | None) -> str:
    """What a person does to say ready, for people to read; "" where no device has a key for it.

    Raises:
        ConfigError: See `teleop_devices`.
    """
    devices = teleop_devices(teleop_file)
    return " or ".join(f"press {keys['ready']} on {name}" for name, keys in devices.items() if keys.get("ready"))


def check_for_real(rig: Rig, rig_file: Path, teleop: Path | None, policy: str, prompt: str) -> None:
    """Refuse what a real rig cannot do.

    Args:
        rig: read from `rig_file`; anything goes on a simulated one.
        rig_file: for messages.
        teleop: file of the human's devices, if any.
        policy: as it was given.
        prompt: the same.

    Raises:
        ConfigError: with the remedy.
    """
    if rig.simulated:
        return
    kinds = device_kinds(teleop)
    if not kinds:
        raise ConfigError(f"{rig_file} describes a real rig, where somebody says ready and stops: operator:=FILE")
    missing = _missing_keys(teleop)
    if missing:
        raise ConfigError(f"{teleop}: no device has a key for {missing}, without which a real rig is not armed")
    scripted = "scripted" in kinds
    for name, wanted in ((f"policy:={EXPERT}", policy == EXPERT), ("human:=scripted", scripted)):
        if wanted:
            raise ConfigError(f"{name} needs a simulated rig; {rig_file} describes a real one")
    without = missing_drivers(rig.arms, rig_file)
    if without:
        raise ConfigError(without)
    if not prompt:
        raise ConfigError(f"{rig_file} describes a real rig, which has no task of its own; give one (prompt:='...')")


def _missing_keys(teleop: Path | None) -> str:
    """Which of the keys that an operator of a real rig needs are on no device of a file."""
    devices = teleop_devices(teleop)
    if "scripted" in device_kinds(teleop):
        return ""  # refused by name
    needed = ("estop", "reset", "ready")
    return ", ".join(key for key in needed if not any(device.get(key) for device in devices.values()))


@dataclass(frozen=True)
class NodePlan:
    """A node to start, and its parameters."""

    package: str
    executable: str
    parameters: Mapping[str, Any]


def plan_nodes(config: RolloutConfig, rig_file: Path, rig: Rig, teleop: Path | None, shipped: Path) -> list[NodePlan]:
    """The nodes of a rollout.

    Args:
        config: what was asked for.
        rig_file: where `rig` was read from.
        teleop: file of the operator's devices, if any, see `find_operator_file`.
        shipped: folder of the checkpoints that come with the suite, by task.

    Raises:
        ConfigError: what was asked for does not go together.
    """
    check_for_real(rig, rig_file, teleop, config.policy, config.prompt)
    expert, kinds = config.policy == EXPERT, device_kinds(teleop)
    if config.critic and expert:
        raise ConfigError(f"critic:={config.critic} judges the chunks of a trained policy; choose another policy:=...")
    if config.guided and not config.critic:
        raise ConfigError("guided:=true needs critic:=FOLDER, which chooses among the policy's chunks")
    takeovers = config.human.lower() != NO
    if config.critic_ask_takeover and not (config.critic and takeovers):
        raise ConfigError("critic_ask_takeover:=true needs critic:=FOLDER, and somebody who can take over (human:=...)")
    common = {"rig": str(rig_file), "use_sim_time": rig.simulated and config.real_time_factor != 1.0}
    record = config.record.lower() != NO
    bonds = "episode_node,recorder_node" if record else "episode_node"
    control = {"takeovers": takeovers, "bonds": bonds} | ({"takeover": "required"} if takeovers else {})
    by_hand = teleop and "keyboard" in kinds  # it needs a terminal, and a launch file has none to give
    episode: dict[str, Any] = {"record": record, "timeout_s": config.timeout_s}
    if by_hand and rig.simulated:
        episode["arm_timeout_s"] = BY_HAND_S
    hint = ready_hint(teleop)
    if hint:
        episode["ready_hint"] = hint
    plans = [
        NodePlan("aloe_control", "control_node", common | control),
        NodePlan("aloe_data", "episode_node", common | episode),
    ]
    relayed = [arm.name for arm in rig.arms if arm.driver is not None and not arm.driver.elsewhere]
    if relayed:
        plans.append(NodePlan("aloe_control", "driver_relay", common | {"arms": ",".join(relayed)}))
    if record:
        folder = str(Path(config.record).expanduser().resolve())
        plans.append(NodePlan("aloe_data", "recorder_node", common | {"record": folder}))
    if rig.simulated:
        options = {"task": config.task, "variation": config.variation, "noise": config.noise}
        options |= {"headless": config.headless, "expert": expert}
        options |= {"real_time_factor": config.real_time_factor, "human": "scripted" in kinds}
        plans.append(NodePlan("aloe_sim", "sim_node", common | options))
    if not expert:
        checkpoint = str(find_checkpoint(config.policy, shipped, config.task or rig.simulation.task))
        policy = common | {"checkpoint": checkpoint}
        if config.critic:
            asked = {name.removeprefix("critic_"): value for name, value in vars(config).items() if "critic_" in name}
            asked |= policy | {"critic": str(find_critic(config.critic))}
            plans.append(NodePlan("aloe_critic", "critic_node", asked))
            policy |= {name: asked[name] for name in ("critic", "force", "other_policy") if config.guided}
        proposer = ("aloe_critic", "guided_policy_node") if config.guided else ("aloe_policy", "policy_node")
        plans.append(NodePlan(*proposer, policy | {"n_action_steps": config.n_action_steps}))
    if teleop and not by_hand:
        plans.append(NodePlan("aloe_teleop", "teleop_node", common | {"config": str(teleop)}))
    return plans
