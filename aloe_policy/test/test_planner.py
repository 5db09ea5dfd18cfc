"""When chunks are due and which may leave; how a checkpoint becomes a policy."""

import itertools
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aloe_data.observation import Observation
from aloe_data.rig_file import load_rig
from aloe_policy.backend import KINDS, CheckpointError, load_policy, trainable_policy
from aloe_policy.checkpoint import Checkpoint
from aloe_policy.kind import Kind
from aloe_policy.planner import ChunkError, ChunkPlanner

RIG = load_rig(Path(__file__).parents[2] / "config" / "rig_sim.yaml")
TICK_NS = 20_000_000


class FakePolicy:
    """A policy that says what it is told to."""

    def __init__(self, version: str = "v1", say: Callable[[], Any] | None = None) -> None:
        self.version, self.rig_contract = version, RIG.contract
        self._say = say or (lambda: np.zeros((50, RIG.action_dim), np.float32))

    def infer(self, observation: Observation) -> Any:
        return self._say()

    def warm_up(self) -> None:
        pass


def observe(stamp_ns: int) -> Observation:
    return Observation(stamp_ns, np.zeros(RIG.state_dim, np.float32), {}, "sort")


@given(st.integers(1, 50), st.integers(0, 10**12), st.lists(st.integers(0, 3), max_size=40))
def test_chunks_follow_each_other_by_n_action_steps_of_observation_time(
    steps: int, start_ns: int, waits: list[int]
) -> None:
    planner = ChunkPlanner(RIG, FakePolicy(), steps)
    planner.start(start_ns)
    stamp_ns, stamps = start_ns - TICK_NS, []
    for wait in waits:
        stamp_ns += wait * TICK_NS
        if planner.due(stamp_ns):
            stamps.append(planner.plan(observe(stamp_ns)).stamp_ns)
            assert not planner.due(stamp_ns + steps * TICK_NS - 1)
            assert planner.due(stamp_ns + steps * TICK_NS)
    assert all(stamp >= start_ns for stamp in stamps)
    assert all(later - earlier >= steps * TICK_NS for earlier, later in itertools.pairwise(stamps))


@given(st.integers(0, 3 * TICK_NS))
def test_row_0_belongs_to_the_observations_time_though_the_policys_follows_the_joints_it_saw(older_ns: int) -> None:
    rows = 1e-4 * np.arange(50, dtype=np.float32)[:, None].repeat(RIG.action_dim, axis=1)
    planner, stamp_ns = ChunkPlanner(RIG, FakePolicy(say=lambda: rows), 25), 10**9
    stamps = {arm.name: stamp_ns - older_ns for arm in RIG.arms}
    chunk = planner.plan(replace(observe(stamp_ns), stamps=stamps))
    assert chunk.stamp_ns == stamp_ns and chunk.data.shape == rows.shape
    told_ns = stamp_ns - older_ns + 1e4 * chunk.data[0, 0] * TICK_NS  # the time that the first row was meant for
    assert abs(told_ns - stamp_ns) <= TICK_NS / 2 + 1000  # rows are float32
    steps = np.diff(np.rint(1e4 * chunk.data[:, 0]))
    assert set(steps) <= {0.0, 1.0} and (steps == 0).sum() <= 3 and chunk.data[-1, 0] == rows[-1, 0]


def test_nothing_is_due_before_start_without_observations_or_after_stop() -> None:
    planner = ChunkPlanner(RIG, FakePolicy(), 25)
    assert not planner.due(10)
    planner.start(5)
    assert planner.active
    assert not planner.due(None)
    assert not planner.due(4)
    assert planner.due(5)
    planner.stop()
    assert not planner.due(10)


def test_a_start_during_an_inference_asks_for_a_fresh_chunk() -> None:
    planner: ChunkPlanner
    planner = ChunkPlanner(RIG, FakePolicy(say=lambda: planner.start(77) or np.zeros((50, RIG.action_dim))), 25)
    planner.start(0)
    planner.plan(observe(0))
    assert planner.due(77)
    assert not planner.due(76)


@pytest.mark.parametrize(
    ("say", "expected"),
    [
        (lambda: np.full((50, RIG.action_dim), np.inf), r"v1: chunk is inf at row 0, left_arm\.x; load another"),
        (lambda: np.zeros((50, 7)), r"chunk of shape \[50, 7\] instead of \[H >= n_action_steps = 25, 20\]"),
        (lambda: np.zeros((24, RIG.action_dim)), r"chunk of shape \[24, 20\]"),
        (lambda: np.zeros(RIG.action_dim), r"chunk of shape \[20\]"),
        (lambda: np.full((50, RIG.action_dim), 2.0), r"v1: left_arm\.x is 2 at row 0, far outside what it can be"),
        (lambda: 1 / 0, "v1 failed: ZeroDivisionError"),
    ],
)
def test_bad_output_is_refused_by_name_and_the_next_observation_may_try_again(
    say: Callable[[], Any], expected: str
) -> None:
    planner = ChunkPlanner(RIG, FakePolicy(say=say), 25)
    planner.start(0)
    with pytest.raises(ChunkError, match=expected) as refused:
        planner.plan(observe(0))
    assert refused.value.policy_version == "v1"
    assert planner.due(TICK_NS)
    planner.swap(FakePolicy("v2"))
    chunk = planner.plan(observe(TICK_NS))
    assert (chunk.policy_version, chunk.chunk_id, chunk.rate_hz) == ("v2", 1, 50.0)


def test_a_swap_waits_for_the_chunk_that_is_being_inferred() -> None:
    inferring, go_on = threading.Event(), threading.Event()

    def say() -> Any:
        inferring.set()
        assert go_on.wait(10.0)
        return np.zeros((50, RIG.action_dim), np.float32)

    planner = ChunkPlanner(RIG, FakePolicy(say=say), 25)
    chunks: list[Any] = []
    first = threading.Thread(target=lambda: chunks.append(planner.plan(observe(0))))
    swap = threading.Thread(target=lambda: planner.swap(FakePolicy("v2")))
    first.start()
    assert inferring.wait(10.0)
    swap.start()
    assert planner.policy_version == "v1"
    go_on.set()
    first.join(10.0)
    swap.join(10.0)
    assert chunks[0].policy_version == "v1"
    assert planner.plan(observe(1)).policy_version == "v2"


def checkpoint_of(kind: str) -> Callable[[Path, Any], Checkpoint]:
    return lambda path, rig: Checkpoint(path, "sha", {"kind": kind}, rig.contract_fields(), {}, {})


def make_fake(checkpoint: Checkpoint, rig: Any, *, seed: int, device: str) -> FakePolicy:
    return FakePolicy(f"{checkpoint.version} {seed} {device}")


FAKE = {"fake": lambda: Kind("fake", make_fake)}


def test_a_checkpoint_becomes_the_policy_of_its_kind() -> None:
    policy = load_policy("x", RIG, seed=3, kinds=FAKE, read=checkpoint_of("fake"))
    assert policy.version == "sha 3 cpu"


def test_an_unknown_kind_is_named_with_the_nearest() -> None:
    with pytest.raises(CheckpointError, match=r"x: unknown kind of policy 'tinny' .* did you mean 'tiny'"):
        load_policy("x", RIG, read=checkpoint_of("tinny"))


def test_a_policy_for_another_rig_is_refused() -> None:
    other = replace(RIG, name="other", rate_hz=30.0)
    with pytest.raises(CheckpointError, match="for another rig than 'other'"):
        load_policy("x", other, kinds=FAKE, read=checkpoint_of("fake"))


def test_a_policy_of_a_kind_that_only_drives_is_refused_where_one_is_to_be_trained() -> None:
    with pytest.raises(CheckpointError, match="x: its kind 'fake' drives but cannot be trained; kinds that can: tiny"):
        trainable_policy("x", RIG, kinds={**KINDS, **FAKE}, read=checkpoint_of("fake"))
