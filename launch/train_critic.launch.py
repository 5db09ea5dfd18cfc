"""Train a critic on bags: `ros2 launch aloe_bringup train_critic.launch.py bags:=DIR policy:=CHECKPOINT`.

It ends with the report about the critic's health, whose picture lies in the critic's folder. `--show-args` lists what
else may be given as `name:=value`.
"""

from pathlib import Path

from ament_index_python.packages import get_package_prefix, get_package_share_directory
from launch import LaunchContext, LaunchDescription
from launch.actions import ExecuteProcess, OpaqueFunction
from launch.events.process import ProcessExited

from aloe_data.bag_folders import find_bags
from aloe_data.config import from_texts
from aloe_data.installed_files import find_rig_file
from aloe_data.launch_bond import bond
from aloe_data.rig_file import load_rig
from aloe_pipeline.rollout import find_checkpoint
from aloe_pipeline.ros.assets import assets_folder
from aloe_pipeline.ros.launch_arguments import launch_arguments
from aloe_pipeline.train_critic_arguments import TrainCriticArguments, command_line

SAVING_S = "30"  # time to write the training's state when it is stopped


def generate_launch_description() -> LaunchDescription:
    """The arguments and the training."""
    return LaunchDescription([*launch_arguments(TrainCriticArguments), OpaqueFunction(function=start)])


def start(context: LaunchContext) -> list[ExecuteProcess]:
    """The training; raises before it starts when an argument is wrong."""
    given = from_texts(TrainCriticArguments, context.launch_configurations, "train_critic.launch.py")
    find_bags(Path(given.bags).expanduser())
    rig_file = find_rig_file(given.rig, Path(get_package_share_directory("aloe_bringup")) / "config")
    task = load_rig(rig_file).simulation.task
    program = Path(get_package_prefix("aloe_critic")) / "lib" / "aloe_critic" / "train_critic"
    command = [str(program), *command_line(given, rig_file, find_checkpoint(given.policy, assets_folder(), task))]
    return [
        ExecuteProcess(
            cmd=command,
            name="train_critic",
            output="screen",
            additional_env=bond(),
            sigterm_timeout=SAVING_S,
            on_exit=_training_ended,
        )
    ]


def _training_ended(event: ProcessExited, context: LaunchContext) -> None:
    if not context.is_shutdown and event.returncode != 0:
        raise RuntimeError("no critic was trained; the reason stands above")
