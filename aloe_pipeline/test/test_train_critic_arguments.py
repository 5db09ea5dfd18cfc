"""The launch file's arguments become those of the command."""

from pathlib import Path

import pytest

from aloe_data.config import ConfigError, from_texts
from aloe_pipeline.train_critic_arguments import TrainCriticArguments, command_line


def words(**given):
    arguments = from_texts(TrainCriticArguments, given, "train_critic.launch.py")
    line = command_line(arguments, Path("/rig.yaml"), Path("/policy"))
    return dict(zip(line[::2], line[1::2], strict=False))


def test_bags_are_enough():
    assert words(bags="/data/bags") == {
        "--bags": "/data/bags", "--policy": "/policy", "--rig": "/rig.yaml", "--out": "/data/bags_critic",
    }  # fmt: skip


def test_what_is_given_is_passed_on():
    given = words(bags="/b", out="/o", encoder="/e", steps="30", watch_s="5", resume="true")
    assert given.items() >= {"--out": "/o", "--encoder": "/e", "--steps": "30", "--watch-s": "5.0"}.items()
    line = command_line(from_texts(TrainCriticArguments, {"bags": "/b", "resume": "true"}, ""), Path("r"), Path("p"))
    assert line[-1] == "--resume"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, "parameter 'bags' is missing"),
        ({"bags": "b", "stepz": "3"}, "unknown parameter 'stepz'; did you mean 'steps'"),
        ({"bags": "b", "steps": "many"}, "expected int, got 'many'"),
        ({"bags": "b", "resume": "maybe"}, "expected bool, got 'maybe'"),
        ({"bags": "b", "watch_s": "-1"}, "outside 0"),
    ],
)
def test_wrong_arguments_are_named(given, says):
    with pytest.raises(ConfigError, match=says):
        words(**given)
