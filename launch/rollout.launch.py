"""Run a policy on a rig: `ros2 launch aloe_bringup rollout.launch.py [name:=value ...]`; `--show-args` lists names."""

import shlex
from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch import LaunchContext, LaunchDescription
from launch.actions import LogInfo, OpaqueFunction, Shutdown, TimerAction
from launch.events.process import ProcessExited
from launch_ros.actions import Node

from aloe_data.config import ros_arguments
from aloe_data.installed_files import NO, find_operator_file, find_rig_file
from aloe_data.node_environment import node_environment
from aloe_data.recording import check_folder
from aloe_data.rig_file import load_rig
from aloe_data.transport import network_line
from aloe_pipeline.node_plan import NodePlan, plan_nodes
from aloe_pipeline.rollout import RolloutConfig, check_scene, rollout_config
from aloe_pipeline.ros.assets import assets_folder
from aloe_pipeline.ros.launch_arguments import launch_arguments

GRACE_S = 8.0  # after a node died: time to abort the episode, close the bag and report
IN_A_TERMINAL = "waiting for {}, which needs a terminal of its own. There: ros2 run aloe_teleop teleop_node {}"


def generate_launch_description() -> LaunchDescription:
    """The rollout's arguments and nodes."""
    return LaunchDescription([*launch_arguments(RolloutConfig), OpaqueFunction(function=start)])


def start(context: LaunchContext) -> list[Node | LogInfo]:
    """The nodes for the arguments given; raises before anything starts when one is wrong."""
    config = rollout_config(context.launch_configurations)
    files = Path(get_package_share_directory("aloe_bringup")) / "config"
    rig_file = find_rig_file(config.rig, files)
    rig = load_rig(rig_file)
    teleop = find_operator_file(config.human, config.operator, rig, files)
    check_scene(rig, config.task, config.variation)
    plans = plan_nodes(config, rig_file, rig, teleop, assets_folder())
    for plan in plans:
        if plan.executable == "recorder_node":
            check_folder(Path(plan.parameters["record"]), min_free_gib=0.0)
    goal = {"episodes": config.episodes, "successes": config.successes, "timeout_s": config.timeout_s}
    goal |= {"seed": config.seed, "prompt": config.prompt, "rate_hz": rig.rate_hz}
    report = NodePlan("aloe_data", "rollout_report", goal)
    environment = node_environment(rig)
    nodes: list[Node | LogInfo] = [LogInfo(msg=network_line(rig.network))]
    nodes += [_node(plan, environment, _node_died) for plan in plans]
    nodes.append(_node(report, environment, _report_ended))
    if teleop and not any(plan.package == "aloe_teleop" for plan in plans):
        who = f"operator:={config.operator}" if config.human.lower() == NO else f"human:={config.human}"
        arguments = ["--ros-args", *ros_arguments({"rig": str(rig_file), "config": str(teleop)})]
        nodes.append(LogInfo(msg=IN_A_TERMINAL.format(who, shlex.join(arguments))))
    return nodes


def _node(plan: NodePlan, environment: dict[str, str], on_exit) -> Node:
    where = {"package": plan.package, "executable": plan.executable, "name": plan.executable, "output": "screen"}
    return Node(**where, ros_arguments=ros_arguments(plan.parameters), additional_env=environment, on_exit=on_exit)


def _report_ended(event: ProcessExited, context: LaunchContext) -> list | None:
    if not context.is_shutdown and event.returncode != 0:
        raise RuntimeError("the rollout did not run all its episodes; the reason stands above")
    return [Shutdown(reason="all episodes have run")]


def _node_died(event: ProcessExited, context: LaunchContext) -> list | None:
    def fail(_: LaunchContext) -> None:
        raise RuntimeError(f"{event.process_name} ended early with exit code {event.returncode}")

    return None if context.is_shutdown else [TimerAction(period=GRACE_S, actions=[OpaqueFunction(function=fail)])]
