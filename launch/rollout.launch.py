"""Run a policy on a rig: `ros2 launch aloe_bringup rollout.launch.py [name:=value ...]`; `--show-args` lists names."""

import dataclasses
from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction, Shutdown, TimerAction
from launch.events.process import ProcessExited
from launch_ros.actions import Node

from aloe_data.config import ConfigError, spec_of
from aloe_data.recording import check_folder
from aloe_data.rig import load_rig
from aloe_data.rollout import EXPERT, RolloutConfig, find_checkpoint, find_rig_file, rollout_config

GRACE_S = 8.0  # after a node died: time to abort the episode, close the bag and report


def generate_launch_description() -> LaunchDescription:
    """The rollout's arguments and nodes."""
    arguments = [
        DeclareLaunchArgument(f.name, default_value=str(f.default), description=spec_of(f).describe())
        for f in dataclasses.fields(RolloutConfig)
    ]
    return LaunchDescription([*arguments, OpaqueFunction(function=start)])


def start(context: LaunchContext) -> list[Node]:
    """The nodes for the arguments given; raises before anything starts when one is wrong."""
    config = rollout_config(context.launch_configurations)
    rig_file = find_rig_file(config.rig, Path(get_package_share_directory("aloe_bringup")) / "config")
    rig = load_rig(rig_file)
    expert = config.policy == EXPERT
    if expert and not rig.simulated:
        raise ConfigError(f"policy:={EXPERT} needs a simulated rig; {rig_file} describes a real one")
    common = {"rig": str(rig_file), "use_sim_time": rig.simulated and config.real_time_factor != 1.0}
    record = config.record.lower() != "false"
    folder = Path(config.record).expanduser().resolve()

    nodes = [
        _node("aloe_control", "control_node", common),
        _node("aloe_data", "episode_node", common, record=record, timeout_s=config.timeout_s),
    ]
    if record:
        check_folder(folder, min_free_gib=0.0)
        nodes.append(_node("aloe_data", "recorder_node", common, record=str(folder)))
    if rig.simulated:
        from aloe_sim.tasks import make_task  # a real rig needs no simulator

        make_task(config.task or rig.simulation.task)
        options = {"task": config.task, "headless": config.headless, "expert": expert, "noise": config.noise}
        nodes.append(_node("aloe_sim", "sim_node", common, real_time_factor=config.real_time_factor, **options))
    if not expert:
        shipped = Path(get_package_share_directory("aloe_policy")) / "checkpoints" / "sorting"
        checkpoint = find_checkpoint(config.policy, shipped)
        nodes.append(_node("aloe_policy", "policy_node", common, checkpoint=str(checkpoint)))
    goal = {"episodes": config.episodes, "seed": config.seed, "prompt": config.prompt, "timeout_s": config.timeout_s}
    nodes.append(_node("aloe_data", "rollout_report", {}, on_exit=_report_ended, **goal))
    return nodes


def _node(package: str, executable: str, common: dict, on_exit=None, **parameters) -> Node:
    where = {"package": package, "executable": executable, "name": executable, "output": "screen"}
    return Node(**where, parameters=[{**common, **parameters}], on_exit=on_exit or _node_died)


def _report_ended(event: ProcessExited, context: LaunchContext) -> list | None:
    if not context.is_shutdown and event.returncode != 0:
        raise RuntimeError("the rollout did not run all its episodes; the reason stands above")
    return [Shutdown(reason="all episodes have run")]


def _node_died(event: ProcessExited, context: LaunchContext) -> list | None:
    def fail(_: LaunchContext) -> None:
        raise RuntimeError(f"{event.process_name} ended early with exit code {event.returncode}")

    return None if context.is_shutdown else [TimerAction(period=GRACE_S, actions=[OpaqueFunction(function=fail)])]
