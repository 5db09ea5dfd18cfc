"""The behaviour of `launch_ros` that the stand-in follows; these tests also describe the official package."""

import json
import stat
import sys

import pytest
import yaml

pytest.importorskip("launch_ros")
import launch.logging
from launch import LaunchContext, LaunchDescription, LaunchService
from launch.actions import GroupAction, SetLaunchConfiguration
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node, PushRosNamespace, SetParameter
from launch_ros.parameter_descriptions import ParameterFile, ParameterValue
from launch_ros.substitutions import ExecutableInPackage, FindPackageShare


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package 'pkg' whose executable 'talker' writes its arguments and parameter files to talker.json."""
    monkeypatch.setenv("ROS_LOG_DIR", str(tmp_path / "log"))
    launch.logging.reset()
    prefix = tmp_path / "prefix"
    (prefix / "share/ament_index/resource_index/packages").mkdir(parents=True)
    (prefix / "share/ament_index/resource_index/packages/pkg").touch()
    (prefix / "share/pkg").mkdir()
    program = prefix / "lib/pkg/talker"
    program.parent.mkdir(parents=True)
    program.write_text(
        f"#!{sys.executable}\nimport json, sys\n"
        "files = [open(sys.argv[i + 1]).read() for i, a in enumerate(sys.argv) if a == '--params-file']\n"
        f"with open({str(tmp_path / 'calls.jsonl')!r}, 'a') as out:\n"
        "    print(json.dumps([sys.argv[1:], files]), file=out)\n"
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("AMENT_PREFIX_PATH", str(prefix))
    return prefix


def calls(package, *entities):
    """Launch, and return per node its command line and the merged parameters of its files."""
    service = LaunchService(noninteractive=True)
    service.include_launch_description(LaunchDescription(list(entities)))
    assert service.run() == 0
    result = []
    for line in (package.parent / "calls.jsonl").read_text().splitlines():
        arguments, files = json.loads(line)
        parameters = {}
        for text in files:
            for block in yaml.safe_load(text).values():
                parameters.update(block["ros__parameters"])
        result.append((arguments, parameters))
    return result


def node(**kwargs) -> Node:
    return Node(package="pkg", executable="talker", **kwargs)


def test_a_nodes_own_arguments_come_before_those_for_ros(package):
    talker = node(arguments=["--fast", LaunchConfiguration("x")], name="bob", remappings=[("in", "out")])
    [(arguments, _)] = calls(package, SetLaunchConfiguration("x", "7"), talker)
    assert arguments == ["--fast", "7", "--ros-args", "-r", "__node:=bob", "-r", "in:=out"]


def test_namespaces_are_pushed_per_group_and_an_absolute_one_stands_for_itself(package):
    found = calls(
        package,
        GroupAction([PushRosNamespace("a"), PushRosNamespace("b"), node(namespace="c", exec_name="1")]),
        GroupAction([PushRosNamespace("a"), node(namespace="/c", exec_name="2")]),
        node(namespace="d", exec_name="3"),
    )
    names = sorted(word for arguments, _ in found for word in arguments if word.startswith("__ns"))
    assert names == ["__ns:=/a/b/c", "__ns:=/c", "__ns:=/d"]


def test_parameters_keep_their_types_and_later_ones_override(package, tmp_path):
    (tmp_path / "p.yaml").write_text("/**:\n  ros__parameters:\n    rate: 1.0\n    from_file: true\n")
    parameters = [
        str(tmp_path / "p.yaml"),
        {"rate": 50.0, "count": 3, "on": False, "name": "1", "nested": {"list": [1, 2]}},
        {"guessed": LaunchConfiguration("n"), "text": ParameterValue(LaunchConfiguration("n"), value_type=str)},
    ]
    [(_, found)] = calls(package, SetLaunchConfiguration("n", "12"), node(parameters=parameters))
    assert found == {
        "rate": 50.0,
        "from_file": True,
        "count": 3,
        "on": False,
        "name": "1",
        "nested.list": [1, 2],
        "guessed": 12,
        "text": "12",
    }


def test_a_parameter_file_may_be_a_substitution(package, tmp_path):
    (tmp_path / "p.yaml").write_text("/**:\n  ros__parameters:\n    x: 1\n")
    setting = SetLaunchConfiguration("file", str(tmp_path / "p.yaml"))
    [(_, found)] = calls(package, setting, node(parameters=[ParameterFile(LaunchConfiguration("file"))]))
    assert found == {"x": 1}


def test_a_parameter_for_all_nodes_is_overridden_by_the_nodes_own(package):
    found = calls(
        package,
        GroupAction([SetParameter("use_sim_time", True), SetParameter("x", 1), node(parameters=[{"x": 2}])]),
    )
    assert found[0][1] == {"use_sim_time": True, "x": 2}


def test_packages_and_executables_are_found_by_the_ament_index(package):
    context = LaunchContext()
    assert FindPackageShare("pkg").perform(context) == str(package / "share/pkg")
    assert ExecutableInPackage("talker", "pkg").perform(context) == str(package / "lib/pkg/talker")


def test_an_executable_or_package_that_is_missing_is_named(package):
    context = LaunchContext()
    with pytest.raises(Exception, match="executable 'walker' not found on the libexec directory"):
        ExecutableInPackage("walker", "pkg").perform(context)
    with pytest.raises(Exception, match="nowhere"):
        FindPackageShare("nowhere").perform(context)


def test_an_invalid_node_name_ends_the_launch(package, capsys):
    service = LaunchService(noninteractive=True)
    service.include_launch_description(LaunchDescription([node(name="not valid")]))
    assert service.run() == 1
    assert "[ERROR] [launch]: Caught exception in launch" in capsys.readouterr().out
