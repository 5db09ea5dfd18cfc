"""The nodes that a rollout needs, and their parameters; decided before anything starts."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aloe_data.config import ConfigError
from aloe_data.driver import missing_drivers
from aloe_data.installed_files import NO
from aloe_data.operator_devices import device_kinds, ready_hint, teleop_devices
from aloe_data.rig import Rig
from aloe_pipeline.rollout import EXPERT, RolloutConfig, find_checkpoint, find_critic

BY_HAND_S = 600.0  # for somebody who has to start a node in a terminal


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
        shipped: Folder of what comes with the suite: a checkpoint per task, named like it.

    Raises:
        ConfigError: what was asked for does not go together.
    """
    check_for_real(rig, rig_file, teleop, config.policy, config.prompt)
    expert = config.policy == EXPERT
    kinds = device_kinds(teleop)
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
