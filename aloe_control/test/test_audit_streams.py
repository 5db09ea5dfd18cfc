"""What the auditor makes of streams, bonds and chunks."""

import numpy as np
import pytest
from loop_bench import RIG

from aloe_control.audit_findings import Kind
from aloe_control.audit_policy import PolicyAudit
from aloe_control.audit_streams import StreamAudit
from aloe_control.audit_turns import ArmTurn, Turn
from aloe_control.tick import TickResult
from aloe_data.chunk import Chunk
from aloe_data.vocabulary import NS

PERIOD = 20_000_000
AHEAD = 2 * PERIOD
T0 = 10**12


def alive(*bonds: str) -> StreamAudit:
    """Streams that have all just come."""
    audit = StreamAudit(RIG, bonds, AHEAD, AHEAD)
    for name in [camera.name for camera in RIG.cameras]:
        audit.image(name, T0, None)
    for arm in RIG.arms:
        audit.joints(arm.name, T0, good=True)
    audit.take(T0)
    return audit


def test_a_sample_from_the_future_is_no_sign_of_life():
    for ahead, living in ((3 * PERIOD, False), (PERIOD, True)):
        audit = alive()
        audit.joints(RIG.arms[0].name, T0 + ahead, good=True)
        audit.take(T0)
        late = T0 + round(RIG.arms[0].max_age_s * NS) + PERIOD // 2
        assert (audit.good_until_ns(RIG.arms[0].name) >= late) == living


@pytest.mark.parametrize(
    ("after_ns", "problem", "words"),
    [(0, "", ""), (NS, "", ""), (NS + 3 * PERIOD, "", "no sign of life for"), (3 * PERIOD, "disk full", "disk full")],
)
def test_motion_goes_on_only_while_a_bonded_node_is_well(after_ns, problem, words):
    audit = StreamAudit(RIG, ("recorder_node",), AHEAD, 10 * NS)
    assert "has given no sign of life" in audit.problems(T0)[-1]
    audit = alive("recorder_node")
    audit.heartbeat("recorder_node", T0, problem)
    said = [text for text in audit.problems(T0 + after_ns) if "recorder" in text]
    assert (words in said[0]) if words else not said


def chunk(number: int, stamp_ns: int) -> Chunk:
    return Chunk(stamp_ns, number, np.zeros((50, RIG.action_dim), np.float32), "v", number, 50.0)


def followed(number: int, step: int, stamp_ns: int) -> TickResult:
    return TickResult(1, stamp_ns, True, "", number, step, "v", (), {})


def test_one_policy_is_followed_from_arming_to_arming():
    policy = PolicyAudit(AHEAD)
    turn = ArmTurn(RIG, RIG.arms[0], AHEAD)
    turn.begin(Turn.POLICY, T0)
    policy.arm()
    policy.chunk(chunk(1, T0), "policy-1", T0)
    policy.chunk(chunk(2, T0), "policy-2", T0)
    policy.tick(T0)
    assert policy.problem(turn, followed(1, 0, T0)) is None
    kind, words = policy.problem(turn, followed(2, 0, T0))
    assert kind is Kind.SOURCE and "'policy-2'" in words
    policy.arm()
    policy.tick(T0)
    assert policy.problem(turn, followed(2, 0, T0)) is None


def test_a_chunk_from_the_future_was_never_offered():
    policy = PolicyAudit(AHEAD)
    turn = ArmTurn(RIG, RIG.arms[0], AHEAD)
    turn.begin(Turn.POLICY, T0)
    policy.arm()
    policy.chunk(chunk(1, T0 + 3 * PERIOD), "policy-1", T0)
    policy.tick(T0 + 3 * PERIOD)
    kind, words = policy.problem(turn, followed(1, 0, T0 + 3 * PERIOD))
    assert kind is Kind.STALE and "never offered" in words
