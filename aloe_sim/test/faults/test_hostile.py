"""Hostile messages: as wrong as their names say, and otherwise as good as those they are made from."""

import numpy as np

from aloe_control.human_commands import HumanCommand
from aloe_data.chunk import Chunk
from aloe_data.vocabulary import NS
from aloe_sim.faults.hostile import Echoes, spoilt_chunk, spoilt_command
from aloe_sim.faults.kinds import Fault

CHUNK = Chunk(5 * NS, 3, np.zeros((10, 14), np.float32), "v", 3, 50.0)


def command(sequence: int) -> HumanCommand:
    return HumanCommand("left_arm", sequence * NS, sequence, "ana", 0, False, True, np.zeros(7))


def test_a_spoilt_chunk_has_a_nan_or_a_leap_or_is_of_long_ago():
    nan = spoilt_chunk(Fault("nan_chunk"), CHUNK, 6 * NS)
    assert np.isnan(nan.data).sum() == 1 and nan.stamp_ns == 6 * NS
    leap = spoilt_chunk(Fault("jump_chunk"), CHUNK, 6 * NS)
    assert np.abs(np.diff(leap.data, axis=0)).max() >= 1.0
    late = spoilt_chunk(Fault("late_chunk", "", 2.0), CHUNK, 6 * NS)
    assert late.stamp_ns == 4 * NS and np.isfinite(late.data).all()
    assert np.isfinite(CHUNK.data).all(), "the good one stays good"


def test_a_spoilt_command_follows_the_good_one():
    nan = spoilt_command(Fault("nan_command", "left_arm"), command(3), 4 * NS)
    assert nan.sequence == 4 and np.isnan(nan.data).any()
    assert spoilt_command(Fault("jump_command", "left_arm"), command(3), 4 * NS).data[0] >= 1.0
    assert spoilt_command(Fault("late_command", "left_arm", 0.5), command(3), 4 * NS).stamp_ns == 3.5 * NS


def test_echoes_answer_with_the_same_or_an_older_command_while_they_are_on():
    echoes, twice, older = Echoes(), Fault("duplicate_commands", "left_arm"), Fault("shuffled_commands", "left_arm")
    assert echoes.answers(command(1)) == []
    echoes.begin(twice)
    second = command(2)
    assert echoes.answers(second) == [second]
    echoes.end(twice)
    echoes.begin(older)
    assert [answer.sequence for answer in echoes.answers(command(3))] == [1]
    echoes.end(older)
    assert echoes.answers(command(4)) == []
