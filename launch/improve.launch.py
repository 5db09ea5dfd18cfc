"""A better policy from bags: `ros2 launch aloe_bringup improve.launch.py bags:=DIR policy:=CHECKPOINT`.

Critic, its health, weights, training, evaluation; it ends with a candidate and says whether it is better. All that it
makes is in the run folder (`out:=FOLDER`, BAGS_improved by default), with a `report.html`. Stop it at any time; the
same command goes on where it stands. `--show-args` lists what else may be given.
"""

from pathlib import Path

from ament_index_python.packages import get_package_prefix
from launch import LaunchContext, LaunchDescription
from launch.actions import ExecuteProcess, OpaqueFunction
from launch.events.process import ProcessExited

from aloe_data.bag_folders import find_bags
from aloe_data.config import from_texts
from aloe_data.launch_bond import bond
from aloe_pipeline.ros.launch_arguments import launch_arguments
from aloe_pipeline.rounds.options import ImproveOptions, command_words

SAVING_S = "120"  # time for the stage under way to write its state when it is stopped


def generate_launch_description() -> LaunchDescription:
    """The arguments and the stages."""
    return LaunchDescription([*launch_arguments(ImproveOptions), OpaqueFunction(function=start)])


def start(context: LaunchContext) -> list[ExecuteProcess]:
    """The stages; raises before anything starts when an argument is wrong."""
    options = from_texts(ImproveOptions, context.launch_configurations, "improve.launch.py")
    find_bags(Path(options.bags).expanduser())
    program = Path(get_package_prefix("aloe_pipeline")) / "lib" / "aloe_pipeline" / "rounds"
    command = [str(program), "improve", *command_words(options)]
    return [
        ExecuteProcess(
            cmd=command,
            name="improve",
            output="screen",
            additional_env=bond(),
            sigterm_timeout=SAVING_S,
            on_exit=_stages_ended,
        )
    ]


def _stages_ended(event: ProcessExited, context: LaunchContext) -> None:
    if not context.is_shutdown and event.returncode != 0:
        raise RuntimeError("there is no candidate; the reason stands above")
