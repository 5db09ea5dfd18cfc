"""The behaviour of `launch_ros` that the stand-in follows; these tests also describe the official package."""

import json
import stat
import sys

import pytest
import yaml

pytest.importorskip("launch_ros")
import launch.logging
from launch import LaunchContext, LaunchDescription, LaunchService
from launch.actions import GroupAction, OpaqueFunction, SetLaunchConfiguration
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


def calls(package, *entities, keys=False):
    """Launch, and return per node its command line and its parameters merged, or the keys of its parameter files."""
    service = LaunchService(noninteractive=True)
    service.include_launch_description(LaunchDescription(list(entities)))
    assert service.run() == 0
    result = []
    for line in (package.parent / "calls.jsonl").read_text().splitlines():
        arguments, files = json.loads(line)
        words = [word.partition(":=") for i, word in enumerate(arguments) if i and arguments[i - 1] == "-p"]
        parameters = {name: yaml.safe_load(value) for name, _, value in words}
        for text in files:
            for key, block in yaml.full_load(text).items():
                result += [key] if keys else []
                parameters.update(block["ros__parameters"])
        result += [] if keys else [(arguments, parameters)]
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
        "nested.list": pytest.approx([1, 2]),  # officially a tuple, which nodes take for a list
        "guessed": 12,
        "text": "12",
    }


@pytest.mark.parametrize("text", ["123E5", "no", "a: b", "a #b", "", "[1, 2]", "~"])
def test_text_stays_text_and_a_substitution_is_read_as_yaml_unless_it_is_typed(package, text):
    typed = ParameterValue(LaunchConfiguration("x"), value_type=str)
    [(_, found)] = calls(package, SetLaunchConfiguration("x", text), node(parameters=[{"plain": text, "typed": typed}]))
    assert found == {"plain": text, "typed": text}


@pytest.mark.parametrize(
    "value", [[], [1, "a"], None, {"x": None}, LaunchConfiguration("x"), [LaunchConfiguration("x")]]
)
def test_values_that_no_parameter_can_have_end_the_launch(package, capsys, value):
    def start(context):
        return [node(parameters=[{"p": value}])]

    service = LaunchService(noninteractive=True)
    entities = [SetLaunchConfiguration("x", "{a: 1}"), OpaqueFunction(function=start)]
    service.include_launch_description(LaunchDescription(entities))
    assert service.run() == 1
    assert "Caught exception in launch" in capsys.readouterr().out


@pytest.mark.parametrize(
    "wrong",
    [{"parameters": {"x": 1}}, {"remappings": [["in", "out"]]}, {"remappings": [("in",)]}, {"ros_arguments": ("-p",)}],
)
def test_arguments_of_the_wrong_type_are_refused(wrong):
    with pytest.raises(TypeError):
        node(**wrong)
    with pytest.raises(TypeError):
        ParameterValue(3, value_type=str)


def test_parameters_are_for_the_node_where_name_and_namespace_are_known(package):
    found = calls(
        package,
        node(name="bob", parameters=[{"x": 1}]),
        node(name="bob", namespace="n", parameters=[{"x": 1}]),
        node(namespace="n", parameters=[{"x": 1}]),
        keys=True,
    )
    assert sorted(found) == ["/**", "/**", "/n/bob"]


def test_a_parameter_file_that_is_missing_is_warned_of(package, capsys):
    [(arguments, _)] = calls(package, node(parameters=["/nowhere/p.yaml"]))
    assert arguments == ["--ros-args"]
    wanted = "[WARNING] [launch_ros.actions.node]: Parameter file path is not a file: /nowhere/p.yaml"
    assert wanted in capsys.readouterr().out


def test_further_arguments_for_ros_may_be_given(package):
    [(arguments, parameters)] = calls(package, node(ros_arguments=["-p", "x:=1"], name="bob"))
    assert arguments == ["--ros-args", "-p", "x:=1", "--ros-args", "-r", "__node:=bob"]
    assert parameters == {"x": 1}


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
