"""What the launch files of rounds start, and what they refuse before anything starts."""

import argparse
import importlib.util
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("launch_ros")
from launch import LaunchContext
from launch.utilities import perform_substitutions

from aloe_data.config import ConfigError, add_arguments, from_arguments
from aloe_data.recording import RecordingError
from aloe_pipeline.rounds.options import ImproveOptions, LoopOptions

LAUNCH = Path(__file__).parents[3] / "launch"


def start(file: str, **given: str) -> list[str]:
    """The command that a launch file starts."""
    spec = importlib.util.spec_from_file_location(file.partition(".")[0], LAUNCH / file)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    context = LaunchContext()
    context.launch_configurations.update(given)
    *_, process = module.start(context)  # behind the line that says who can reach the nodes
    return [perform_substitutions(context, word) for word in process.cmd]


def parsed(words: list[str], cls: type) -> Any:
    parser = argparse.ArgumentParser()
    add_arguments(parser, cls)
    return from_arguments(cls, parser.parse_args(words))


def test_rounds_are_started_with_what_was_asked_for(tmp_path: Path) -> None:
    program, kind, *words = start("aloe.launch.py", rounds="2", task="sorting", run=str(tmp_path), force="true")
    assert Path(program).name == "rounds" and kind == "loop"
    assert parsed(words, LoopOptions) == LoopOptions(rounds=2, task="sorting", run=str(tmp_path), force=True)


def test_an_improvement_is_started_with_what_was_asked_for(tmp_path: Path) -> None:
    (tmp_path / "ep_0000.mcap").touch()
    _, kind, *words = start("improve.launch.py", bags=str(tmp_path), method="filtered_bc", weigh_options="--top 0.5")
    expected = ImproveOptions(bags=str(tmp_path), method="filtered_bc", weigh_options="--top 0.5")
    assert kind == "improve" and parsed(words, ImproveOptions) == expected


@pytest.mark.parametrize(
    ("given", "error", "says"),
    [
        ({"round": "2"}, ConfigError, "unknown parameter 'round'; did you mean 'rounds'"),
        ({"method": "magic"}, ConfigError, "unknown value 'magic'"),
        ({"human": "nobody"}, ConfigError, "installed teleop files"),
        ({"task": "juggling"}, ValueError, "juggling"),
        ({"rig": "mars"}, ConfigError, "installed rigs"),
        ({"rig": "aloha"}, ConfigError, "human:=scripted needs a simulated rig"),
        ({"rig": "aloha", "human": "pedals"}, ConfigError, "no task of its own; give one"),
    ],
)
def test_wrong_arguments_are_named(given: dict[str, str], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        start("aloe.launch.py", **given)


def test_a_folder_without_bags_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="no bags found"):
        start("improve.launch.py", bags=str(tmp_path))
