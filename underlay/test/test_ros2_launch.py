"""The behaviour of `ros2 launch` and `ros2 run` as commands: arguments, signals, exit codes, no process left."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

launch = pytest.importorskip("launch")
official = not hasattr(launch, "unsupported")

FILE = """
from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, ExecuteProcess, LogInfo
from launch.substitutions import LaunchConfiguration


def generate_launch_description():
    return LaunchDescription([
        DeclareLaunchArgument("seconds", default_value="0", description="how long"),
        LogInfo(msg=["seconds=", LaunchConfiguration("seconds")]),
        ExecuteProcess(cmd=["sleep", LaunchConfiguration("seconds")]),
        ExecuteProcess(cmd=["bash", "-c", ["sleep ", LaunchConfiguration("seconds"), " & wait"]]),
    ])
"""


@pytest.fixture
def launch_file(tmp_path, monkeypatch):
    monkeypatch.setenv("ROS_LOG_DIR", str(tmp_path / "log"))
    path = tmp_path / "a.launch.py"
    path.write_text(FILE)
    return str(path)


def ros2(*arguments, **kwargs) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", "import sys; from ros2cli.cli import main; sys.exit(main())", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        **kwargs,
    )


def output_of(*arguments) -> tuple[int, str]:
    process = ros2(*arguments)
    out, _ = process.communicate(timeout=30)
    return process.returncode, out


def started(process: subprocess.Popen) -> list[psutil.Process]:
    """Wait until both processes of the launch file and the grandchild run, and return those that end with the launch.

    The official launch ends what it started, but not what that has started itself.
    """
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        children = psutil.Process(process.pid).children(recursive=True)
        if sorted(child.name() for child in children) == ["bash", "sleep", "sleep"]:
            return psutil.Process(process.pid).children() if official else children
        time.sleep(0.05)
    raise AssertionError("the launched processes do not run")


def test_arguments_are_given_as_name_and_value_and_the_last_one_wins(launch_file):
    code, out = output_of("launch", launch_file, "seconds:=0.1", "seconds:=0.0")
    assert code == 0
    assert "[INFO] [launch.user]: seconds=0.0" in out


def test_the_arguments_can_be_shown(launch_file):
    code, out = output_of("launch", launch_file, "--show-args")
    assert code == 0
    heading, _, arguments = out.partition("\n\n")
    assert heading == "Arguments (pass arguments as '<name>:=<value>'):"
    assert arguments == "    'seconds':\n        how long\n        (default: '0')\n"


def test_a_malformed_argument_is_refused(launch_file):
    code, out = output_of("launch", launch_file, "seconds=3")
    assert code == 1
    assert "malformed launch argument 'seconds=3', expected format '<name>:=<value>'" in out


@pytest.mark.skipif(official, reason="the official launch takes undeclared arguments in silence")
def test_an_argument_that_is_not_declared_is_warned_about(launch_file):
    code, out = output_of("launch", launch_file, "second:=3")
    assert code == 0
    assert "[WARNING] [launch]: the launch file has no argument 'second'; did you mean 'seconds'?" in out


def test_a_launch_file_that_is_not_there_is_named():
    code, out = output_of("launch", "rclpy", "absent.launch.py")
    assert code == 1
    assert "file 'absent.launch.py' was not found in the share directory of package 'rclpy'" in out


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (signal.SIGINT, 0),
        pytest.param(
            signal.SIGTERM,
            1,
            marks=pytest.mark.skipif(official, reason="the official launch leaves its processes then"),
        ),
    ],
)
def test_a_signal_ends_the_launch_and_all_its_processes(launch_file, number, code):
    process = ros2("launch", launch_file, "seconds:=60")
    children = started(process)
    process.send_signal(number)
    out, _ = process.communicate(timeout=30)
    assert process.returncode == code, out
    assert not [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]


def test_ctrl_c_in_a_terminal_reaches_the_whole_group(launch_file):
    """The terminal signals the foreground group only; each launched process leads a group of its own."""
    process = ros2("launch", launch_file, "seconds:=60", start_new_session=True)
    children = started(process)
    os.killpg(process.pid, signal.SIGINT)
    out, _ = process.communicate(timeout=30)
    assert "user interrupted with ctrl-c (SIGINT)" in out
    assert not [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]


def test_run_passes_arguments_and_exit_code_and_names_what_is_missing():
    code, out = output_of("run", "no_such_package", "talker")
    assert (code, out) == (1, "Package 'no_such_package' not found\n")
    code, out = output_of("run", "rclpy", "talker")
    assert code == 1
    assert "No executable found" in out


def test_commands_that_are_not_here_are_refused():
    code, out = output_of("burst")
    assert code == 2
    assert official or "ros-jazzy-ros2cli" in out


def test_the_description_is_printed_without_launching(launch_file):
    code, out = output_of("launch", "--print", launch_file)
    assert code == 0
    _, declared, log, sleep, bash = out.splitlines()
    assert "DeclareLaunchArgument" in declared
    assert log == "├── LogInfo('seconds=' + LaunchConfig('seconds'))"
    assert sleep.startswith("├── ExecuteProcess(cmd=['sleep', LaunchConfig('seconds')], ")
    assert bash.startswith("└── ExecuteProcess(cmd=['bash', '-c', 'sleep ' + LaunchConfig('seconds') + ' & wait'], ")


def test_a_prefix_goes_before_the_executables_that_the_filter_names(launch_file):
    code, out = output_of("launch", launch_file, "--launch-prefix", "false", "--launch-prefix-filter", "sl.*")
    assert code == 0
    assert "exit code 1, cmd 'false sleep 0']" in out
    assert "[INFO] [bash-2]: process has finished cleanly" in out
    code, out = output_of("launch", launch_file, "--launch-prefix-filter", "sl.*")
    assert code == 1
    assert "--launch-prefix must be specified if --launch-prefix-filter is provided" in out


def test_a_screen_that_is_gone_keeps_nothing_from_its_end(launch_file):
    process = ros2("launch", launch_file, "seconds:=60")
    children = started(process)
    process.stdout.close()
    process.send_signal(signal.SIGINT)
    process.wait(timeout=30)
    psutil.wait_procs(children, timeout=30)
    assert not any(child.is_running() for child in children)
