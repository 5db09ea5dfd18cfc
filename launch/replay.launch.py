"""Play a bag into a policy: `ros2 launch aloe_bringup replay.launch.py bag:=bags/ep_0012 policy:=checkpoints/v3`.

The bag's topics come as they were recorded, at their time; the commands of the arms are in it as
/replay/{arm}/command, and those of older bags are left out: no arm can move because of a bag. control_node is not
started. What the policy says now is on /replay/policy/action_chunk, beside /policy/action_chunk, what was said then.
With critic:=FOLDER, what a critic says about the recorded chunks is on /replay/critic/q.
"""

from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, ExecuteProcess, LogInfo, OpaqueFunction, Shutdown
from launch.events.process import ProcessExited
from launch_ros.actions import Node

from aloe_data.bag_folders import bag_files
from aloe_data.config import ConfigError, from_texts, ros_arguments
from aloe_data.installed_files import find_rig_file
from aloe_data.node_environment import node_environment
from aloe_data.rig_file import load_rig
from aloe_data.transport import network_line
from aloe_pipeline.rollout import RolloutConfig, find_checkpoint, find_critic
from aloe_pipeline.ros.assets import assets_folder

ARGUMENTS = {
    "bag": (None, "folder of the bag"),
    "policy": ("", "checkpoint folder; empty: the shipped checkpoint"),
    "critic": ("", "folder of a critic that says what the recorded chunks were worth; empty: none"),
    "critic_force": ("false", "use a critic that failed its gates as well"),
    "critic_other_policy": ("false", "use a critic of another policy's value as well"),
    "rig": ("sim", "rig file that the bag was recorded with, or NAME for the installed config/rig_NAME.yaml"),
    "rate": ("1.0", "seconds of the bag per second"),
    "delay_s": ("5.0", "time for the policy to load before the bag begins [s]"),
}
MINE = ("/policy/action_chunk", "/policy/checkpoint")  # what policy_node says, and the bag as well
CRITICS = ("/critic/q", "/intervention/request")  # the same of critic_node


def generate_launch_description() -> LaunchDescription:
    """The arguments, the nodes and the player."""
    arguments = [
        DeclareLaunchArgument(name, default_value=default, description=doc)
        for name, (default, doc) in ARGUMENTS.items()
    ]
    return LaunchDescription([*arguments, OpaqueFunction(function=start)])


def start(context: LaunchContext) -> list[Node | ExecuteProcess | LogInfo]:
    """Policy, critic and player; raises before anything starts when an argument is wrong."""
    given = context.launch_configurations
    bag = Path(given["bag"]).expanduser().resolve()
    if not bag_files(bag):
        raise ConfigError(f"bag:={given['bag']} is no bag; give the folder of one, such as bags/ep_0012")
    rig_file = find_rig_file(given["rig"], Path(get_package_share_directory("aloe_bringup")) / "config")
    rig = load_rig(rig_file)
    # Beside a rollout in the same ROS domain this refuses: the bag would speak on the topics of the live robot.
    environment = node_environment(rig)
    checkpoint = find_checkpoint(given["policy"], assets_folder(), rig.simulation.task)
    parameters = {"rig": str(rig_file), "checkpoint": str(checkpoint)}
    policy = Node(
        package="aloe_policy",
        executable="policy_node",
        name="policy_node",
        output="screen",
        ros_arguments=ros_arguments(parameters | {"use_sim_time": True}),
        remappings=[(topic, f"/replay{topic}") for topic in MINE],
        additional_env=environment,
        on_exit=_node_ended,
    )
    nodes = [policy]
    if given["critic"]:
        flags = {name: given[name] for name in ("critic_force", "critic_other_policy")}
        checked = from_texts(RolloutConfig, flags, "arguments")
        asked = {"force": checked.critic_force, "other_policy": checked.critic_other_policy}
        asked["critic"] = str(find_critic(given["critic"]))
        critic = Node(
            package="aloe_critic",
            executable="critic_node",
            name="critic_node",
            output="screen",
            ros_arguments=ros_arguments(parameters | asked | {"use_sim_time": True}),
            remappings=[(topic, f"/replay{topic}") for topic in CRITICS],
            additional_env=environment,
            on_exit=_node_ended,
        )
        nodes.append(critic)
    # Bags from before commands were sealed hold them under their live names.
    commands = [arm.command_topic for arm in rig.arms]
    play = ["ros2", "bag", "play", str(bag), "--clock", "100", "--rate", given["rate"], "--delay", given["delay_s"]]
    player = ExecuteProcess(
        cmd=[*play, "--exclude-topics", *commands],
        output="screen",
        additional_env=environment,
        on_exit=_played,
    )
    return [LogInfo(msg=network_line(rig.network)), *nodes, player]


def _played(event: ProcessExited, context: LaunchContext) -> Shutdown | None:
    if event.returncode and not context.is_shutdown:
        raise RuntimeError(f"the bag was not played (exit code {event.returncode}); the reason stands above")
    return Shutdown(reason="the bag has been played")


def _node_ended(event: ProcessExited, context: LaunchContext) -> None:
    if not context.is_shutdown:
        raise RuntimeError(
            f"{event.process_name} ended early with exit code {event.returncode}; the reason stands above"
        )
