"""Messages of control ticks."""

from pathlib import Path

import numpy as np

from aloe_control.authority import ArmStatus
from aloe_control.ros.messages import executed_action_message, intervention_message
from aloe_control.tick import ArmTick, TickResult
from aloe_data.rig_file import load_rig
from aloe_data.vocabulary import Authority


def test_an_executed_action_tells_request_command_and_reason():
    arm = ArmTick("left_arm", Authority.POLICY, np.array([1.0, 0.1]), np.array([0.5, 0.1]), "velocity,jerk")
    message = executed_action_message(TickResult(7, 2_000_000_001, True, "", 3, 4, "v", (arm,), {}), 0.001)
    assert (message.tick, message.chunk_id, message.step, message.armed) == (7, 3, 4, True)
    assert (message.header.stamp.sec, message.header.stamp.nanosec) == (2, 1)
    assert list(message.arms[0].executed) == [0.5, 0.1] and message.arms[0].source == 1
    assert message.arms[0].clip_reason == "velocity,jerk"


def test_an_intervention_tells_how_many_stops_there_were_and_which_device_holds_an_arm():
    rig = load_rig(Path(__file__).parents[3] / "config" / "rig_sim.yaml")
    held = ArmStatus(Authority.HUMAN, 5, "taken over", "ana", "teleop_node-1")
    free = ArmStatus(Authority.POLICY, 5, "armed")
    holds = dict(zip((arm.name for arm in rig.arms), (held, free), strict=True))
    message = intervention_message(7, True, False, "", rig, holds, stops=2)
    assert message.stops == 2 and list(message.senders) == ["teleop_node-1", ""]
