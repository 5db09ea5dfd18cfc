"""ROS parameters from a configuration dataclass."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import rclpy
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rclpy.node import Node
from rclpy.parameter import Parameter

from aloe_data.config import ConfigError, parameter, ros_arguments
from aloe_data.ros.parameters import declare_parameters


@dataclass(frozen=True)
class Example:
    """One parameter of every kind."""

    rig: str = parameter(doc="rig file")
    rate_hz: float = parameter(50.0, unit="Hz", low=1, high=1000, doc="rate of the loop")
    gains: tuple[float, ...] = parameter((1.0, 2.0), low=0, doc="one gain per arm")
    topics: tuple[str, ...] = parameter((), doc="further topics")
    record: bool = parameter(True, doc="write a bag")


@pytest.fixture
def context() -> Iterator[rclpy.Context]:
    context = rclpy.Context()
    rclpy.init(context=context, domain_id=58)
    yield context
    context.try_shutdown()


def node_with(context: rclpy.Context, **values: Any) -> Node:
    overrides = [Parameter(name, value=value) for name, value in values.items()]
    return Node("example", context=context, parameter_overrides=overrides, enable_rosout=False)


def test_overrides_and_defaults_become_the_dataclass(context: rclpy.Context) -> None:
    node = node_with(context, rig="a.yaml", rate_hz=20, gains=[3.0], use_sim_time=False)
    assert declare_parameters(node, Example) == Example(rig="a.yaml", rate_hz=20.0, gains=(3.0,))
    assert node.describe_parameter("rate_hz").description == "rate of the loop [Hz] 1..1000"


@pytest.mark.parametrize("name", ["rate_hz", "use_sim_time"])
def test_nobody_changes_a_parameter_of_a_running_node(name: str, context: rclpy.Context) -> None:
    node = node_with(context, rig="a.yaml")
    declare_parameters(node, Example)
    before = node.get_parameter(name).value
    result = node.set_parameters([Parameter(name, value=70.0 if name == "rate_hz" else True)])[0]
    assert not result.successful and name in result.reason
    assert node.get_parameter(name).value == before
    assert not node._time_source.ros_time_is_active


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, "example: parameter 'rig' is missing"),
        ({"rig": "a", "rate": 3.0}, "example: unknown parameter 'rate'; did you mean 'rate_hz'"),
        ({"rig": "a", "rate_hz": 5000.0}, "example: rate_hz: 5000.0 is outside 1 to 1000 Hz"),
        ({"rig": "a", "rate_hz": "fast"}, "example: rate_hz: expected float"),
        ({"rig": "a", "record": "yes"}, "example: record: expected bool"),
        ({"rig": 3}, "example: rig: expected str, got 3; YAML reads that as int, and as text in quotes"),
    ],
)
def test_wrong_parameters_name_the_node_and_the_remedy(
    values: dict[str, Any], expected: str, context: rclpy.Context
) -> None:
    with pytest.raises(ConfigError, match=expected):
        declare_parameters(node_with(context, **values), Example)


# Texts that YAML takes for something else, in the rules of the launch system or in those of a node.
TEXTS = [
    "123E5", "1e3", "no", "n", "y", "ON", "nan", "inf", "0x10", "010", "1_000", "~", "null", "", " a ", "a: b", "a #b",
    "[1, 2]", "{a: 1}", "'a'", '"a"', "it's \"a\"", "- a", "&a", "*a", "!a", "%a", "@a", "a\nb", "\t", "\\", "ä 杯 🙂",
]  # fmt: skip


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), max_size=50))
@example(TEXTS)
@settings(max_examples=10)
def test_text_reaches_a_node_letter_by_letter(texts: list[str]) -> None:
    context = rclpy.Context()
    rclpy.init(context=context, domain_id=58)
    asked = {f"p{i}": text for i, text in enumerate(texts)} | {"flag": True, "rate": 2.5, "list": ["no", "1"], "n": 3}
    arguments = ["--ros-args", *ros_arguments(asked)]
    node = Node(
        "example", context=context, cli_args=arguments, enable_rosout=False,
        automatically_declare_parameters_from_overrides=True,
    )  # fmt: skip
    assert {name: node.get_parameter(name).value for name in asked} == asked
    node.destroy_node()
    context.try_shutdown()
