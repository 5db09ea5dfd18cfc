"""Collect bags until enough episodes succeeded: `ros2 launch aloe_bringup collect.launch.py successes:=50`.

The arguments are those of rollout.launch.py. Called again with the same folder it goes on where it stands: with the
next episode number, and in simulation with the next scene.
"""

from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch import LaunchContext, LaunchDescription
from launch.actions import IncludeLaunchDescription, OpaqueFunction
from launch.launch_description_sources import PythonLaunchDescriptionSource

from aloe_pipeline.rollout import RolloutConfig, resumed, rollout_config
from aloe_pipeline.ros.launch_arguments import launch_arguments

DEFAULTS = {"human": "scripted", "successes": "20", "episodes": "200"}


def generate_launch_description() -> LaunchDescription:
    """The arguments of a rollout with other defaults, and the rollout."""
    return LaunchDescription([*launch_arguments(RolloutConfig, DEFAULTS), OpaqueFunction(function=start)])


def start(context: LaunchContext) -> list[IncludeLaunchDescription]:
    """The rollout, from the folder's next scene on."""
    config = resumed(rollout_config(context.launch_configurations))
    file = Path(get_package_share_directory("aloe_bringup")) / "launch" / "rollout.launch.py"
    source = PythonLaunchDescriptionSource(str(file))
    return [IncludeLaunchDescription(source, launch_arguments=[("seed", str(config.seed))])]
