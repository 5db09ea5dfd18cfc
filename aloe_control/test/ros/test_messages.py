"""Messages of control ticks."""

import numpy as np

from aloe_control.authority import Authority
from aloe_control.ros.messages import executed_action_message
from aloe_control.tick import ArmTick, TickResult


def test_an_executed_action_tells_request_command_and_reason():
    arm = ArmTick("left_arm", Authority.POLICY, np.array([1.0, 0.1]), np.array([0.5, 0.1]), "velocity,jerk")
    message = executed_action_message(TickResult(7, 2_000_000_001, True, "", 3, 4, "v", (arm,), {}), 0.001)
    assert (message.tick, message.chunk_id, message.step, message.armed) == (7, 3, 4, True)
    assert (message.header.stamp.sec, message.header.stamp.nanosec) == (2, 1)
    assert list(message.arms[0].executed) == [0.5, 0.1] and message.arms[0].source == 1
    assert message.arms[0].clip_reason == "velocity,jerk"
