"""The behaviour of `launch` that the stand-in follows; these tests also describe the official package."""

import re
import sys
from pathlib import Path

import pytest

launch = pytest.importorskip("launch")
from launch import LaunchContext, LaunchDescription, LaunchService  # noqa: E402
from launch.actions import (  # noqa: E402
    DeclareLaunchArgument,
    EmitEvent,
    ExecuteProcess,
    GroupAction,
    IncludeLaunchDescription,
    LogInfo,
    OpaqueFunction,
    RegisterEventHandler,
    SetEnvironmentVariable,
    SetLaunchConfiguration,
    Shutdown,
    TimerAction,
)
from launch.conditions import IfCondition, UnlessCondition  # noqa: E402
from launch.event_handlers import OnProcessExit, OnProcessStart, OnShutdown  # noqa: E402
from launch.events import Shutdown as ShutdownEvent  # noqa: E402
from launch.launch_description_sources import PythonLaunchDescriptionSource  # noqa: E402
from launch.substitutions import (  # noqa: E402
    EnvironmentVariable,
    LaunchConfiguration,
    PathJoinSubstitution,
    PythonExpression,
    TextSubstitution,
)
from launch.utilities import perform_substitutions  # noqa: E402

is_stand_in = pytest.mark.skipif(not hasattr(launch, "unsupported"), reason="the official launch has these")


@pytest.fixture(autouse=True)
def log_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("ROS_LOG_DIR", str(tmp_path / "log"))
    monkeypatch.delenv("OVERRIDE_LAUNCH_PROCESS_OUTPUT", raising=False)
    launch.logging.reset()


def run(*entities) -> int:
    service = LaunchService(noninteractive=True)
    service.include_launch_description(LaunchDescription(list(entities)))
    return service.run()


def printed(capsys) -> str:
    """What the launch printed, its processes numbered from 1: the official numbers go on through all launches."""
    out = capsys.readouterr().out
    numbers = {old: f"-{new}]" for new, old in enumerate(sorted(set(re.findall(r"-(\d+)\]", out)), key=int), 1)}
    return re.sub(r"-(\d+)\]", lambda found: numbers[found.group(1)], out)


def shell(script: str, **kwargs) -> ExecuteProcess:
    return ExecuteProcess(cmd=["bash", "-c", script], **{"output": "screen", **kwargs})


def seen(into: list, *configurations: str) -> OpaqueFunction:
    """Note the values of launch configurations when visited; None where one is not set."""

    def note(context):
        into.append(tuple(context.launch_configurations.get(name) for name in configurations))

    return OpaqueFunction(function=note)


def test_an_argument_has_its_default_unless_it_is_given():
    values = []
    run(
        SetLaunchConfiguration("given", "by hand"),
        DeclareLaunchArgument("given", default_value="default"),
        DeclareLaunchArgument("other", default_value=["prefix ", LaunchConfiguration("given")]),
        seen(values, "given", "other"),
    )
    assert values == [("by hand", "prefix by hand")]


def test_a_missing_argument_ends_the_launch_with_code_1(capsys):
    assert run(DeclareLaunchArgument("needed")) == 1
    assert 'Required launch argument "needed" was not provided.' in printed(capsys)


def test_a_value_outside_the_choices_ends_the_launch_with_code_1(capsys):
    mode = DeclareLaunchArgument("mode", choices=["a", "b"], default_value=TextSubstitution(text="c"))
    assert run(mode) == 1
    assert 'Argument "mode" provided value "c" is not valid' in printed(capsys)


@pytest.mark.parametrize(
    ("substitution", "text"),
    [
        (PathJoinSubstitution(["a", "b", TextSubstitution(text="d")]), "a/b/d"),
        (PythonExpression(["1 + ", "2"]), "3"),
        (PythonExpression("cos(0.0)"), "1.0"),
        (EnvironmentVariable("NOT_SET_ANYWHERE", default_value="fallback"), "fallback"),
        (LaunchConfiguration("absent", default="fallback"), "fallback"),
    ],
)
def test_substitutions_perform_to_text(substitution, text):
    assert substitution.perform(LaunchContext()) == text


@pytest.mark.parametrize("substitution", [LaunchConfiguration("absent"), EnvironmentVariable("NOT_SET_ANYWHERE")])
def test_a_substitution_without_a_value_is_an_error_that_names_it(substitution):
    with pytest.raises(Exception, match=r"absent|NOT_SET_ANYWHERE"):
        substitution.perform(LaunchContext())


@pytest.mark.parametrize(
    ("text", "holds"), [("true", True), ("1", True), ("True", True), ("false", False), ("0", False)]
)
def test_conditions_read_truth_values(text, holds):
    assert IfCondition(text).evaluate(LaunchContext()) is holds
    assert UnlessCondition(text).evaluate(LaunchContext()) is not holds


def test_a_condition_that_is_no_truth_value_is_an_error():
    with pytest.raises(Exception, match="maybe"):
        IfCondition("maybe").evaluate(LaunchContext())


def test_an_action_whose_condition_fails_is_not_executed(capsys):
    assert run(LogInfo(msg="shown"), LogInfo(msg="hidden", condition=IfCondition("false"))) == 0
    out = printed(capsys)
    assert "[INFO] [launch.user]: shown" in out
    assert "hidden" not in out


def test_a_scoped_group_ends_what_it_sets():
    values = []
    run(
        SetLaunchConfiguration("x", "outside"),
        GroupAction([SetLaunchConfiguration("x", "inside"), seen(values, "x")]),
        seen(values, "x"),
        GroupAction([SetLaunchConfiguration("x", "kept")], scoped=False),
        seen(values, "x"),
    )
    assert values == [("inside",), ("outside",), ("kept",)]


def test_an_environment_variable_reaches_later_processes_of_its_group_only(capsys):
    run(
        GroupAction([SetEnvironmentVariable("COLOUR", "red"), shell("echo in=$COLOUR")]),
        shell("echo out=$COLOUR"),
        shell("echo own=$COLOUR", additional_env={"COLOUR": "blue"}),
    )
    out = printed(capsys)
    assert "[bash-1] in=red\n" in out
    assert "[bash-2] out=\n" in out
    assert "[bash-3] own=blue\n" in out


def write_launch_file(folder: Path, name: str, body: str) -> str:
    path = folder / name
    header = "from launch import LaunchDescription\nfrom launch.actions import *\nfrom launch.substitutions import *\n"
    path.write_text(f"{header}\n\ndef generate_launch_description():\n    return LaunchDescription([{body}])\n")
    return str(path)


def test_an_included_file_gets_its_arguments(tmp_path, capsys):
    path = write_launch_file(
        tmp_path, "a.launch.py", "DeclareLaunchArgument('who'), LogInfo(msg=LaunchConfiguration('who'))"
    )
    include = IncludeLaunchDescription(PythonLaunchDescriptionSource(path), launch_arguments=[("who", "world")])
    assert run(include) == 0
    assert "[launch.user]: world" in printed(capsys)


def test_an_include_without_a_required_argument_names_it(tmp_path, capsys):
    path = write_launch_file(tmp_path, "a.launch.py", "DeclareLaunchArgument('who', description='a name')")
    assert run(IncludeLaunchDescription(path)) == 1
    wanted = "Included launch description missing required argument 'who' (description: 'a name'), given: []"
    assert wanted in printed(capsys)


def test_arguments_of_groups_and_includes_are_listed_once(tmp_path):
    path = write_launch_file(tmp_path, "a.launch.py", "DeclareLaunchArgument('inner'), DeclareLaunchArgument('outer')")
    description = LaunchDescription(
        [
            DeclareLaunchArgument("outer", description="first"),
            GroupAction([IncludeLaunchDescription(path)], condition=IfCondition("true")),
        ]
    )
    arguments = {argument.name: argument for argument in description.get_launch_arguments()}
    assert list(arguments) == ["outer", "inner"]
    assert arguments["outer"].description == "first"


def test_a_file_without_the_function_is_refused(tmp_path, capsys):
    (tmp_path / "a.launch.py").write_text("x = 1\n")
    assert run(IncludeLaunchDescription(PythonLaunchDescriptionSource(str(tmp_path / "a.launch.py")))) == 1
    assert "generate_launch_description()" in printed(capsys)


def test_output_is_printed_line_by_line_behind_the_process_name(capsys):
    run(shell("echo one; echo two >&2; printf three"))
    out = printed(capsys)
    assert "[INFO] [bash-1]: process started with pid [" in out
    for line in ("[bash-1] one\n", "[bash-1] two\n", "[bash-1] three\n", "process has finished cleanly [pid "):
        assert line in out


def test_output_log_shows_only_stderr(capsys):
    run(shell("echo quiet; echo loud >&2", output="log"))
    out = printed(capsys)
    assert "loud" in out
    assert "quiet" not in out


def test_a_terminal_can_be_emulated(capsys):
    run(
        ExecuteProcess(
            cmd=[sys.executable, "-c", "import sys; print(sys.stdout.isatty())"], output="screen", emulate_tty=True
        )
    )
    assert "] True" in printed(capsys)


def test_a_failing_process_is_reported_and_does_not_change_the_exit_code(capsys):
    assert run(shell("exit 7")) == 0
    out = printed(capsys)
    assert "[ERROR] [bash-1]: process has died [pid " in out
    assert "exit code 7, cmd 'bash -c exit 7']." in out


def test_a_command_that_does_not_exist_is_reported(capsys):
    run(ExecuteProcess(cmd=["/nonexistent/command"]))
    assert "exception occurred while executing process" in printed(capsys)


def test_process_events_reach_handlers_of_that_process():
    codes = []
    first, second = shell("exit 3"), shell("exit 4")

    def exited(event, context):
        codes.append((event.returncode, event.process_name))

    def started(event, context):
        codes.append("started")

    run(
        RegisterEventHandler(OnProcessExit(target_action=first, on_exit=exited)),
        RegisterEventHandler(OnProcessStart(target_action=first, on_start=started)),
        first,
        second,
    )
    assert codes == ["started", (3, first.process_details["name"])]


def test_what_follows_a_process_may_be_started_on_its_exit(capsys):
    run(shell("echo first", on_exit=[shell("echo second")]))
    out = printed(capsys)
    assert out.index("[bash-1] first") < out.index("[bash-2] second")


def test_a_process_is_started_again_as_often_as_asked_for(capsys):
    assert run(shell("echo here", respawn=True, respawn_delay=0.05, respawn_max_retries=2)) == 0
    assert printed(capsys).count("[bash-1] here\n") == 3


def test_a_shutdown_ends_the_wait_for_another_start(capsys):
    again = shell("echo here", respawn=True, respawn_delay=60.0)
    assert run(again, TimerAction(period=0.5, actions=[EmitEvent(event=ShutdownEvent(reason="test"))])) == 0
    assert printed(capsys).count("[bash-1] here\n") == 1


def test_a_prefix_for_all_processes_may_be_limited_to_names(capsys):
    run(
        SetLaunchConfiguration("launch-prefix", "env COLOUR=red"),
        SetLaunchConfiguration("launch-prefix-filter", "ba.*"),
        shell("echo with=$COLOUR", name="one"),
        ExecuteProcess(cmd=["sh", "-c", "echo without=$COLOUR"], output="screen", name="two"),
        shell("echo own=$COLOUR", name="three", prefix="nice -n 1"),
    )
    lines = printed(capsys).splitlines()
    assert {"[one-1] with=red", "[two-2] without=", "[three-3] own="} <= set(lines)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: ExecuteProcess(cmd=[Path("true")]),
        lambda: PathJoinSubstitution(["a", ["b", "c"]]),
        lambda: TimerAction(period=1, actions=[]),
        lambda: DeclareLaunchArgument("x", default_value=1),
        lambda: LogInfo("x"),
        lambda: IfCondition(True),
        lambda: OnProcessExit(target_action="talker", on_exit=[]),
    ],
)
def test_arguments_of_the_wrong_type_are_refused(wrong):
    with pytest.raises((TypeError, ValueError)):
        wrong()


def test_what_a_handler_returns_has_to_be_entities(capsys):
    assert run(shell("true", on_exit=lambda event, context: ["text"])) == 1
    assert "expected a LaunchDescriptionEntity" in printed(capsys)


def test_the_command_of_a_process_is_a_list_of_lists_of_substitutions():
    process = ExecuteProcess(cmd=["echo", ["a", LaunchConfiguration("b", default="c")]])
    assert [perform_substitutions(LaunchContext(), part) for part in process.cmd] == ["echo", "ac"]


def test_shutdown_on_exit_stops_the_others_and_ends_with_code_0(capsys):
    assert run(shell("sleep 60"), shell("true", on_exit=Shutdown(reason="done"))) == 0
    out = printed(capsys)
    assert "[INFO] [bash-1]: sending signal 'SIGINT' to process[bash-1]" in out
    assert "exit code -2" in out


def test_shutdown_escalates_from_sigint_to_sigterm_to_sigkill(capsys):
    deaf = shell(
        "trap '' INT TERM; echo ready; while true; do sleep 0.05; done", sigterm_timeout="0.2", sigkill_timeout="0.2"
    )
    assert run(deaf, TimerAction(period=0.5, actions=[EmitEvent(event=ShutdownEvent(reason="test"))])) == 0
    out = printed(capsys)
    signals = [f"sending signal '{name}' to process[bash-1]" for name in ("SIGINT", "SIGTERM", "SIGKILL")]
    positions = [out.index(text) for text in signals]
    assert positions == sorted(positions)
    assert "failed to terminate '0.2' seconds after receiving 'SIGINT', escalating to 'SIGTERM'" in out
    assert "exit code -9" in out


def test_shutdown_handlers_run_and_timers_are_cancelled(capsys):
    run(
        RegisterEventHandler(OnShutdown(on_shutdown=[LogInfo(msg="bye")])),
        TimerAction(period=60.0, actions=[LogInfo(msg="too late")]),
        EmitEvent(event=ShutdownEvent(reason="test")),
    )
    out = printed(capsys)
    assert "bye" in out
    assert "too late" not in out


def test_an_exception_in_the_launch_stops_its_processes_and_gives_code_1(capsys):
    def fail(context):
        raise RuntimeError("no such rig")

    assert run(shell("sleep 60"), TimerAction(period=0.2, actions=[OpaqueFunction(function=fail)])) == 1
    out = printed(capsys)
    assert "[ERROR] [launch]: Caught exception in launch (see debug for traceback): no such rig" in out
    assert "exit code -2" in out


@is_stand_in
def test_what_the_stand_in_lacks_is_refused_by_name():
    with pytest.raises(ImportError, match=r"launch\.actions\.ForLoop .*ros-jazzy-launch"):
        from launch.actions import ForLoop  # noqa: F401
    with pytest.raises(ImportError, match=r"ExecuteProcess\(cached_output=\.\.\.\)"):
        ExecuteProcess(cmd=["true"], cached_output=True)
    with pytest.raises(TypeError, match="nonsense"):
        LogInfo(msg="x", nonsense=1)


@is_stand_in
def test_launch_files_in_xml_are_refused_by_the_package_that_reads_them(tmp_path, capsys):
    assert run(IncludeLaunchDescription(str(tmp_path / "a.launch.xml"))) == 1
    assert "ros-jazzy-launch-xml" in printed(capsys)
