"""Configuration dataclasses: the same declaration for nodes, command lines and tests."""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aloe_data.config import ConfigError, add_arguments, from_arguments, from_mapping, parameter


@dataclass(frozen=True)
class Example:
    """One parameter of every kind."""

    rig: Path = parameter(doc="rig file")
    rate_hz: float = parameter(50.0, unit="Hz", low=1, high=1000, doc="rate of the loop")
    steps: int = parameter(25, low=1, high=100, doc="steps per chunk")
    record: bool = parameter(True, doc="write a bag")
    mode: str = parameter("safe", choices=("safe", "fast"), doc="how to run")
    gains: tuple[float, ...] = parameter((1.0, 2.0), low=0, doc="one gain per arm")
    note: str | None = parameter(None, doc="free text")


def parse(*arguments: str) -> Example:
    parser = argparse.ArgumentParser()
    add_arguments(parser, Example)
    return from_arguments(Example, parser.parse_args(arguments))


def test_missing_values_take_their_default() -> None:
    assert from_mapping(Example, {"rig": "a.yaml"}, "test") == Example(rig=Path("a.yaml"))


def test_whole_numbers_and_lists_become_the_declared_type() -> None:
    example = from_mapping(Example, {"rig": "a", "rate_hz": 20, "gains": [1, 2.5], "note": "x"}, "test")
    assert (example.rate_hz, example.gains, example.note) == (20.0, (1.0, 2.5), "x")
    assert isinstance(example.rate_hz, float)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"rate": 3.0}, "unknown parameter 'rate'; did you mean 'rate_hz'"),
        ({"steps": 0}, "steps: 0 is outside 1 to 100"),
        ({"rate_hz": float("nan")}, "rate_hz: nan is outside 1 to 1000 Hz"),
        ({"gains": [float("inf")]}, "gains: inf is outside"),
        ({"rate_hz": 10**400}, "rate_hz: expected float"),
        ({"steps": 2.5}, "steps: expected int, got 2.5"),
        ({"steps": True}, "steps: expected int, got True"),
        ({"record": 1}, "record: expected bool, got 1"),
        ({"rate_hz": "fast"}, r"rate_hz: expected float \[Hz\], got 'fast'"),
        ({"mode": "fats"}, "unknown value 'fats'; did you mean 'fast'"),
        ({"gains": "12"}, "gains: expected a list"),
        ({"gains": [1.0, -1.0]}, "gains: -1.0 is outside 0"),
    ],
)
def test_wrong_values_are_refused_by_name(values: dict[str, Any], expected: str) -> None:
    with pytest.raises(ConfigError, match=f"my_source: .*{expected}"):
        from_mapping(Example, {"rig": "a", **values}, "my_source")


def test_a_required_parameter_must_be_given() -> None:
    with pytest.raises(ConfigError, match="'rig' is missing"):
        from_mapping(Example, {}, "test")


def test_the_command_line_gives_the_same_configuration() -> None:
    example = parse("--rig", "a", "--rate-hz", "20", "--no-record", "--gains", "3", "4.5", "--steps", "7")
    values = {"rig": "a", "rate_hz": 20.0, "record": False, "gains": [3.0, 4.5], "steps": 7}
    assert example == from_mapping(Example, values, "test")


def test_the_command_line_is_checked_like_every_source() -> None:
    with pytest.raises(ConfigError, match="command line: steps: expected int, got 'many'"):
        parse("--rig", "a", "--steps", "many")


@dataclass(frozen=True)
class Places:
    """Parameters that a command line gives by their places."""

    bag: Path = parameter(positional=True, doc="folder of the bag")
    task: str = parameter("phone", positional=True, choices=("phone", "sorting"), doc="task")
    notes: tuple[str, ...] = parameter((), positional=True, doc="free texts")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["a"], Places(bag=Path("a"))),
        (["a", "sorting"], Places(bag=Path("a"), task="sorting")),
        (["a", "sorting", "x", "y"], Places(bag=Path("a"), task="sorting", notes=("x", "y"))),
    ],
)
def test_positional_parameters_are_given_by_their_places(words: list[str], expected: Places) -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser, Places)
    assert from_arguments(Places, parser.parse_args(words)) == expected


def test_positional_parameters_are_checked_like_all_others() -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser, Places)
    with pytest.raises(ConfigError, match="task: unknown value 'phon'; did you mean 'phone'"):
        from_arguments(Places, parser.parse_args(["a", "phon"]))


@given(st.integers(-1000, 1000))
def test_bounds_hold_for_every_value(steps: int) -> None:
    values = {"rig": "a", "steps": steps}
    if 1 <= steps <= 100:
        assert from_mapping(Example, values, "test").steps == steps
    else:
        with pytest.raises(ConfigError, match="outside"):
            from_mapping(Example, values, "test")
