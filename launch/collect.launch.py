"""Collect bags until enough episodes succeeded: `ros2 launch aloe_bringup collect.launch.py successes:=50`.

The arguments are those of rollout.launch.py. Called again with the same folder it goes on where it stands: with the
next episode number, and in simulation with the next scene.
"""

import dataclasses
from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription, OpaqueFunction
from launch.launch_description_sources import PythonLaunchDescriptionSource

from aloe_data.config import spec_of
from aloe_pipeline.rollout import RolloutConfig, resumed, rollout_config

DEFAULTS = {"human": "scripted", "successes": "20", "episodes": "200"}


def generate_launch_description() -> LaunchDescription:
    """The arguments of a rollout with other defaults, and the rollout."""
    arguments = [
        DeclareLaunchArgument(
            f.name, default_value=DEFAULTS.get(f.name, str(f.default)), description=spec_of(f).describe()
        )
        for f in dataclasses.fields(RolloutConfig)
    ]
    return LaunchDescription([*arguments, OpaqueFunction(function=start)])


def start(context: LaunchContext) -> list[IncludeLaunchDescription]:
    """The rollout, from the folder's next scene on."""
    config = resumed(rollout_config(context.launch_configurations))
    file = Path(get_package_share_directory("aloe_bringup")) / "launch" / "rollout.launch.py"
    source = PythonLaunchDescriptionSource(str(file))
    return [IncludeLaunchDescription(source, launch_arguments=[("seed", str(config.seed))])]
