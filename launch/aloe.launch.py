"""Collect with takeover and improve, N times: `ros2 launch aloe_bringup aloe.launch.py rounds:=3 episodes:=50`.

All that it makes is in the run folder (`run:=FOLDER`, ./runs/aloe by default): `report.html` there is up to date after
every stage. Stop it at any time; the same command goes on where it stands. With `continuous:=true` the next round is
collected while one is learned from. `--show-args` lists what else may be given.
"""

from pathlib import Path

from ament_index_python.packages import get_package_prefix, get_package_share_directory
from launch import LaunchContext, LaunchDescription
from launch.actions import ExecuteProcess, LogInfo, OpaqueFunction
from launch.events.process import ProcessExited

from aloe_data.config import from_texts
from aloe_data.installed_files import find_operator_file, find_rig_file
from aloe_data.launch_bond import bond
from aloe_data.rig_file import load_rig
from aloe_data.transport import network_line
from aloe_pipeline.node_plan import check_for_real
from aloe_pipeline.rollout import check_scene
from aloe_pipeline.ros.launch_arguments import launch_arguments
from aloe_pipeline.rounds.options import LoopOptions, command_words

SAVING_S = "120"  # time for the stage under way to close its bag, or to write its state, when it is stopped


def generate_launch_description() -> LaunchDescription:
    """The arguments and the rounds."""
    return LaunchDescription([*launch_arguments(LoopOptions), OpaqueFunction(function=start)])


def start(context: LaunchContext) -> list[ExecuteProcess | LogInfo]:
    """The rounds; raises before anything starts when an argument is wrong."""
    options = from_texts(LoopOptions, context.launch_configurations, "aloe.launch.py")
    files = Path(get_package_share_directory("aloe_bringup")) / "config"
    rig_file = find_rig_file(options.rig, files)
    rig = load_rig(rig_file)
    teleop = find_operator_file(options.human, options.operator, rig, files)
    check_for_real(rig, rig_file, teleop, options.policy, options.prompt)
    check_scene(rig, options.task, options.variation)
    program = Path(get_package_prefix("aloe_pipeline")) / "lib" / "aloe_pipeline" / "rounds"
    command = [str(program), "loop", *command_words(options)]
    return [
        LogInfo(msg=network_line(rig.network)),  # the rollouts that the rounds start open it
        ExecuteProcess(
            cmd=command,
            name="aloe",
            output="screen",
            additional_env=bond(),
            sigterm_timeout=SAVING_S,
            on_exit=_rounds_ended,
        ),
    ]


def _rounds_ended(event: ProcessExited, context: LaunchContext) -> None:
    if not context.is_shutdown and event.returncode != 0:
        raise RuntimeError("the rounds are not at their end; the reason stands above")
