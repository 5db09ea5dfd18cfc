"""Whose chunks are followed."""

import numpy as np
from loop_bench import HOME, Bench

from aloe_data.chunk import Chunk
from aloe_data.vocabulary import RefusalReason


def offer(bench: Bench, chunk_id: int, sender: str) -> str:
    rows = np.tile(HOME, (50, 1)).astype(np.float32)
    return bench.loop.set_chunk(Chunk(bench.now_ns, chunk_id, rows, "v", chunk_id, 50.0), sender)


def test_of_two_policies_the_first_drives_until_motion_ends_and_the_other_is_named():
    bench = Bench()
    bench.arm()
    bench.run(1)
    assert offer(bench, 1, "policy_node-1") == ""
    refusal = offer(bench, 2, "policy_node-2")
    assert refusal == "chunk 2 comes from 'policy_node-2', but 'policy_node-1' drives; stop one"
    assert bench.run(1)[0].chunk_id == 1
    assert bench.loop.policy.last_refusal == refusal


def test_a_second_policy_is_refused_for_its_sender_which_does_not_speak_against_the_one_that_drives():
    bench = Bench()
    bench.arm()
    bench.run(1)
    offer(bench, 1, "policy_node-1")
    offer(bench, 2, "policy_node-2")
    (refused,) = bench.loop.policy.take_refused()
    assert (refused.chunk_id, refused.policy_version, refused.reason) == (2, "v", RefusalReason.OTHER_POLICY)


def test_every_refusal_is_told_once_with_its_number_and_one_that_is_merely_late_never():
    bench = Bench()
    bench.arm()
    bench.run(1)
    offer(bench, 1, "policy_node-1")
    offer(bench, 1, "policy_node-1")  # repeated
    for chunk_id in (2, 3):
        bench.run(1)
        bench.loop.set_chunk(
            Chunk(bench.now_ns, chunk_id, np.zeros((50, 3), np.float32), "v", 1, 50.0), "policy_node-1"
        )
    told = bench.loop.policy.take_refused()
    assert [(one.chunk_id, one.reason, one.refused) for one in told] == [
        (2, RefusalReason.MALFORMED, 1),
        (3, RefusalReason.MALFORMED, 2),
    ]
    assert bench.loop.policy.take_refused() == []


def test_after_the_next_arming_another_policy_may_drive():
    bench = Bench()
    bench.arm()
    bench.run(1)
    offer(bench, 1, "policy_node-1")
    bench.loop.disarm("test")
    bench.run(50)
    bench.arm()
    bench.run(1)
    assert offer(bench, 2, "policy_node-2") == ""
