"""What went into a control loop, run again, gives what came out, whatever people did and when their commands came."""

from dataclasses import replace

import numpy as np
import pytest
from loop_bench import HOME, RIG, TICK, Bench, wave

from aloe_control.human_commands import HumanCommand
from aloe_control.operator_requests import Request
from aloe_control.reexecution import Recording, ReexecutionError, difference_rad, reexecute
from aloe_data.chunk import Chunk
from aloe_data.vocabulary import CommandMode, RequestKind

LEFT, RIGHT = (arm.name for arm in RIG.arms)


class Recorded(Bench):
    """A bench that keeps what goes in and what comes out."""

    def __init__(self, action_space: str = "joint_position") -> None:
        self.results, self.chunks, self.requests, self.commands = [], [], [], []
        super().__init__(action_space)
        self.policy, self.person = wave, {}
        offer = self.loop.set_chunk
        self.loop.set_chunk = lambda chunk, **given: self.chunks.append(chunk) or offer(chunk, **given)
        self.rng = np.random.default_rng(0)

    def run(self, ticks: int) -> list:
        for _ in range(ticks):
            for arm, target in self.person.items():
                self.command(arm, target + 0.002 * len(self.results) * np.eye(len(target))[0])
            self.results += super().run(1)
        return self.results

    def command(self, arm: str, target: np.ndarray) -> None:
        command = HumanCommand(
            arm, self.now_ns + 1, len(self.commands) + 1, "ana", CommandMode.JOINT_POSITION, False, True, target
        )
        self.loop.set_human(command, self.now_ns + 1)
        received_ns = self.now_ns + int(self.rng.integers(1, 35_000_000))  # by the recorder: one tick late, or two
        self.commands.append((max([received_ns, *(at for at, c in self.commands if c.arm == arm)]), command))

    def ask(self, kind: RequestKind, *arms: str) -> None:
        self.now_ns += 1
        request = Request(kind, arms, self.now_ns, "ana", "pedal", "test")
        assert self.loop.request(request, self.now_ns) == ""
        self.requests.append((self.now_ns, request))

    def recording(self) -> Recording:
        joints = [(0, arm.name, HOME[RIG.state_slice(arm.name)]) for arm in RIG.arms]
        return Recording(self.results, self.chunks, self.requests, self.commands, joints)


def eventful(action_space: str) -> Recorded:
    """Arming, the policy, a takeover of one arm and its hand-back, a hold, a stop, and all of it again."""
    bench = Recorded(action_space)
    for _ in range(2):
        bench.run(2)
        bench.arm()
        bench.run(25)
        bench.person = {LEFT: HOME[RIG.state_slice(LEFT)]}
        bench.ask(RequestKind.TAKE, LEFT)
        bench.run(30)
        bench.ask(RequestKind.RELEASE, LEFT)
        bench.person = {}
        bench.run(30)
        bench.ask(RequestKind.HOLD, RIGHT)
        bench.run(5)
        bench.loop.disarm("enough")
        bench.run(40)
        assert not bench.loop.armed
    return bench


@pytest.mark.parametrize("action_space", ["joint_position", "ee_pose"])
def test_every_tick_comes_out_again_to_the_last_bit(action_space):
    bench = eventful(action_space)
    recorded = [tick for tick in bench.results if tick.armed]
    again = list(reexecute(bench.rig, bench.recording()))
    assert len(again) == len(recorded) > 150
    assert {arm.source for tick in recorded for arm in tick.arms} == {0, 1, 2}
    assert [difference_rad(*pair) for pair in zip(recorded, again, strict=True)] == [0.0] * len(again)


@pytest.mark.parametrize(("ticks_before_chunk", "known"), [(0, True), (1, True), (0, False)])
def test_a_chunk_of_what_was_seen_while_the_processor_was_away_after_arming_is_followed_again(
    ticks_before_chunk, known
):
    bench = Recorded()
    bench.policy = None
    bench.run(2)
    bench.now_ns += 1_000_000
    bench.arm()
    armed_ns, seen_ns = bench.now_ns, bench.now_ns + 15_000_000
    bench.now_ns = seen_ns + 70_000_000 - TICK * (ticks_before_chunk + 1)
    bench.run(ticks_before_chunk)
    rows = np.array([wave(seen_ns / 1e9 + 0.02 * k) for k in range(50)], np.float32)
    assert bench.loop.set_chunk(Chunk(seen_ns, 1, rows, "v", 1, 50.0)) == ""
    bench.run(20)
    recorded = [tick for tick in bench.results if tick.armed]
    assert recorded[ticks_before_chunk].chunk_id == 1
    times = [armed_ns if known else recorded[0].stamp_ns]
    again = list(reexecute(bench.rig, replace(bench.recording(), armed_ns=times)))
    assert [difference_rad(*pair) for pair in zip(recorded, again, strict=True)] == [0.0] * len(again)


def test_a_set_point_that_was_changed_in_the_record_shows():
    bench = eventful("joint_position")
    number = next(k for k, tick in enumerate(bench.results) if tick.armed) + 20
    tick = bench.results[number]
    forged = replace(tick.arms[1], executed=tick.arms[1].executed + 1e-6)
    bench.results[number] = replace(tick, arms=(tick.arms[0], forged))
    recorded = [tick for tick in bench.results if tick.armed]
    differences = [
        difference_rad(*pair) for pair in zip(recorded, reexecute(bench.rig, bench.recording()), strict=True)
    ]
    assert differences[20] == pytest.approx(1e-6) and sum(differences) == differences[20]


def test_a_fault_ends_motion_as_it_did():
    bench = Recorded()
    bench.run(2)
    bench.arm()
    bench.run(30)
    bench.silent.add(LEFT)
    bench.run(60)
    assert "is silent" in bench.loop.fault
    recorded = [tick for tick in bench.results if tick.armed]
    again = list(reexecute(bench.rig, bench.recording()))
    assert max(difference_rad(*pair) for pair in zip(recorded, again, strict=True)) == 0.0


def test_a_record_with_gaps_is_refused_by_their_numbers():
    bench = Recorded()
    bench.run(2)
    bench.arm()
    bench.run(40)
    del bench.results[30:33]
    with pytest.raises(ReexecutionError, match="ticks 31 to 33 are not in the record"):
        list(reexecute(bench.rig, bench.recording()))
