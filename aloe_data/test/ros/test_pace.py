"""A node's rhythm follows simulated time, and otherwise no clock that somebody may set."""

from typing import Any

import pytest
import rclpy
from rclpy.clock import ClockType
from rclpy.parameter import Parameter

from aloe_data.ros.pace import pace_of

DOMAIN = 65


@pytest.mark.parametrize(("simulated", "kind"), [(True, ClockType.ROS_TIME), (False, ClockType.STEADY_TIME)])
def test_the_pace_is_that_of_simulated_time_or_of_a_clock_that_only_rises(
    peer: Any, simulated: bool, kind: ClockType
) -> None:
    overrides = [Parameter("use_sim_time", value=simulated)]
    node = rclpy.create_node("paced", context=peer.context, parameter_overrides=overrides)
    assert pace_of(node).clock_type == kind
    node.destroy_node()
