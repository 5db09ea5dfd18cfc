"""The auditor: what the real loop does is safe, and every kind of lie, slip or mix-up in it is caught."""

from dataclasses import replace

import numpy as np
import pytest
from loop_bench import HOME, RIG, TICK, Bench, wave

from aloe_control.audit import Audit
from aloe_control.audit_findings import Kind
from aloe_control.audited_loop import AuditedLoop
from aloe_control.human_commands import HumanCommand
from aloe_control.operator_requests import Request
from aloe_control.tick import ControlConfig, TickResult
from aloe_data.chunk import Chunk
from aloe_data.vocabulary import Authority, CommandMode, RequestKind

LEFT, RIGHT = (arm.name for arm in RIG.arms)
WHERE = {LEFT: HOME[:7], RIGHT: HOME[7:]}


class Scene(Bench):
    """A bench with an audited loop, whose ticks may be falsified before the auditor sees them, and a person."""

    def __init__(self, action_space: str = "joint_position", other_arms: str = "continue", **config) -> None:
        super().__init__(action_space)
        self.rig = replace(self.rig, takeover=replace(RIG.takeover, other_arms=other_arms))
        self.loop = AuditedLoop(self.rig, ControlConfig(**config))
        self.audit, self.sequence = self.loop.audit, 0
        self.falsify = lambda result: result
        judge = self.audit.tick
        self.audit.tick = lambda result, steady_ns=None: judge(self.falsify(result), steady_ns)
        self.policy = wave
        self.run(1)

    def moving(self) -> "Scene":
        self.arm()
        self.run(20)
        return self

    def ask(self, kind: RequestKind, *arms: str, operator: str = "ana") -> str:
        self.sequence += 1
        return self.loop.request(Request(kind, arms, self.now_ns + self.sequence, operator, operator), self.now_ns)

    def command(self, arm: str, joints: np.ndarray, operator: str = "ana", **changes) -> str:
        self.sequence += 1
        mode, here = CommandMode.JOINT_POSITION, np.asarray(joints, float)
        command = HumanCommand(arm, self.now_ns, self.sequence, operator, mode, False, True, here)
        return self.loop.set_human(replace(command, **changes), self.now_ns)

    def drive(self, ticks: int, arm: str = LEFT, speed: float = 0.004) -> None:
        for _ in range(ticks):
            self.sequence += 1
            self.command(arm, WHERE[arm] + 0.2 * np.sin(speed * self.ticks))
            self.run(1)

    def falsify_from_now(self, change) -> None:
        """`change` is called with each result and the number of ticks since."""
        start = self.ticks

        def falsify(result: TickResult) -> TickResult:
            return change(result, self.ticks - start)

        self.falsify = falsify

    @property
    def found(self) -> set[Kind]:
        return {unsafe.kind for unsafe in self.audit.unsafe}


def sent(result: TickResult, arm: str, executed: np.ndarray, **changes) -> TickResult:
    """A result in which an arm was sent something else."""
    arms = tuple(replace(a, executed=executed, **changes) if a.arm == arm else a for a in result.arms)
    return replace(result, arms=arms, commands=result.commands | {arm: executed})


def with_arm(result: TickResult, arm: str, **changes) -> TickResult:
    return replace(result, arms=tuple(replace(a, **changes) if a.arm == arm else a for a in result.arms))


def executed(result: TickResult, arm: str) -> np.ndarray:
    return next(a.executed for a in result.arms if a.arm == arm)


@pytest.mark.parametrize(("action_space", "other_arms"), [("joint_position", "hold"), ("ee_pose", "continue")])
def test_a_takeover_a_silence_a_hand_back_and_a_stop_as_they_should_be_are_safe(action_space, other_arms):
    scene = Scene(action_space, other_arms).moving()
    scene.ask(RequestKind.TAKE, LEFT)
    scene.drive(30)
    scene.run(15)  # silence
    scene.ask(RequestKind.TAKE)
    scene.drive(20, RIGHT)
    scene.ask(RequestKind.RELEASE)
    scene.run(40)
    scene.ask(RequestKind.ESTOP)
    scene.run(30)
    scene.ask(RequestKind.RESET)
    scene.arm()
    scene.run(30)
    scene.loop.disarm("enough")
    scene.run(30)
    assert scene.audit.unsafe == [] and scene.audit.ticks > 180


@pytest.mark.parametrize(
    ("joint", "jump"),
    [(0, 0.004), (3, 0.02), (5, 0.3), (6, 0.002)],
    ids=["jerk", "acceleration", "velocity", "gripper"],
)
def test_a_command_beyond_a_limit_is_caught(joint, jump):
    scene = Scene().moving()
    offset = jump * np.eye(7)[joint]
    scene.falsify_from_now(lambda r, k: sent(r, LEFT, executed(r, LEFT) + (offset if k >= 3 else 0.0)))
    scene.run(6)
    assert scene.found == {Kind.LIMIT}


def test_a_command_out_of_range_is_caught():
    scene = Scene().moving()
    scene.falsify_from_now(lambda r, k: sent(r, LEFT, np.r_[2.7, executed(r, LEFT)[1:]]))
    scene.run(1)
    assert any("goes beyond its range" in unsafe.words for unsafe in scene.audit.unsafe)


def test_a_command_that_is_no_number_is_caught():
    scene = Scene().moving()
    scene.falsify_from_now(lambda r, k: sent(r, LEFT, np.full(7, np.nan)))
    scene.run(1)
    assert Kind.LIMIT in scene.found


def test_a_first_command_that_is_not_where_the_arm_stands_is_caught():
    scene = Scene()
    scene.arm()
    scene.falsify_from_now(lambda r, k: sent(r, LEFT, executed(r, LEFT) + 0.1))
    scene.run(1)
    assert "starts elsewhere" in scene.audit.unsafe[0].words


def test_commands_without_arming_are_caught():
    scene = Scene()
    scene.falsify_from_now(lambda r, k: replace(r, commands=WHERE))
    scene.run(1)
    assert "motion is not enabled" in scene.audit.unsafe[0].words
    scene = Scene()
    scene.falsify_from_now(lambda r, k: replace(r, armed=True, commands={a.arm: a.executed for a in r.arms}))
    scene.run(1)
    assert "nobody asked for it" in scene.audit.unsafe[0].words


def test_commands_that_end_in_full_motion_are_caught():
    scene = Scene().moving()
    scene.falsify_from_now(lambda r, k: replace(r, armed=False, commands={}))
    scene.run(1)
    assert scene.found >= {Kind.MOTION}


def test_another_command_than_is_recorded_is_caught():
    scene = Scene().moving()
    scene.falsify_from_now(lambda r, k: with_arm(r, LEFT, executed=executed(r, LEFT) + 1e-6))
    scene.run(1)
    assert "another command than is recorded" in scene.audit.unsafe[0].words


def test_an_arm_that_is_named_twice_or_not_at_all_is_caught():
    for names in ((0, 0, 1), (0,)):
        scene = Scene().moving()
        scene.falsify_from_now(lambda r, k, names=names: replace(r, arms=tuple(r.arms[i] for i in names)))
        scene.run(1)
        assert Kind.SOURCE in scene.found


def test_a_human_who_did_not_ask_is_caught():
    scene = Scene().moving()
    scene.falsify_from_now(lambda r, k: with_arm(r, LEFT, source=Authority.HUMAN, operator="ana"))
    scene.run(1)
    assert Kind.SOURCE in scene.found


def test_the_policy_on_an_arm_that_was_taken_is_caught():
    scene = Scene().moving()
    scene.ask(RequestKind.TAKE, LEFT)
    scene.falsify_from_now(lambda r, k: with_arm(r, LEFT, source=Authority.POLICY, operator=""))
    scene.run(1)
    assert Kind.SOURCE in scene.found


def test_another_person_than_the_one_who_took_the_arm_is_caught():
    scene = Scene().moving()
    scene.ask(RequestKind.TAKE, LEFT)
    scene.falsify_from_now(lambda r, k: with_arm(r, LEFT, operator="bob"))
    scene.run(1)
    assert "which 'ana' took" in scene.audit.unsafe[0].words


def test_the_policy_on_the_other_arm_is_caught_where_it_should_hold():
    scene = Scene(other_arms="hold").moving()
    scene.ask(RequestKind.TAKE, LEFT)
    scene.falsify_from_now(lambda r, k: with_arm(r, RIGHT, source=Authority.POLICY))
    scene.run(1)
    assert scene.found == {Kind.SOURCE}


@pytest.mark.parametrize("end", ["estop", "disarm", "fault", "hold", "back"])
def test_going_on_after_an_end_is_caught(end):
    scene, free = Scene().moving(), Scene().moving()
    if end == "estop":
        scene.ask(RequestKind.ESTOP)
    elif end == "disarm":
        scene.loop.disarm("enough")
    elif end == "hold":
        scene.ask(RequestKind.HOLD)
    elif end == "back":
        scene.now_ns -= 10 * TICK
    unstopped = {result.tick: result for result in free.run(20)}
    fault = "broken" if end == "fault" else ""
    scene.falsify_from_now(lambda r, k: replace(unstopped[r.tick], fault=fault, stamp_ns=r.stamp_ns))
    scene.run(20)
    assert {Kind.SOURCE, Kind.MOTION} & scene.found
    first = scene.audit.unsafe[0].tick
    assert first == min(unstopped), "at once"


def test_motion_under_the_name_of_hold_is_caught():
    scene, free = Scene().moving(), Scene().moving()
    unstopped = {result.tick: result for result in free.run(30)}

    def rename(result: TickResult, _: int) -> TickResult:
        for arm in (LEFT, RIGHT):
            result = with_arm(result, arm, source=Authority.HOLD)
        return result

    scene.falsify_from_now(lambda r, k: rename(unstopped[r.tick], k))
    scene.run(30)
    assert scene.found == {Kind.MOTION}


def test_an_armed_loop_under_a_latched_stop_is_caught():
    audit = Scene().audit
    audit.request(Request(RequestKind.ESTOP, (), 0), 0)
    audit.arm(1)
    scene = Scene().moving()
    result = scene.run(1)[0]
    assert any(unsafe.kind is Kind.MOTION for unsafe in audit.tick(result))


def test_chunks_that_should_not_be_followed_are_caught():
    def follows(stamp_ns: int, step: int, **changes) -> list[str]:
        scene = Scene().moving()
        data = np.tile(HOME, (60, 1)).astype(np.float32)
        chunk = Chunk(scene.now_ns + stamp_ns, 99, data, "v", 99, 50.0)
        scene.audit.chunk(replace(chunk, **changes))
        scene.falsify_from_now(lambda r, k: replace(r, chunk_id=99, step=step))
        scene.run(1)
        return [unsafe.words for unsafe in scene.audit.unsafe if unsafe.kind is Kind.STALE]

    assert follows(0, 1) == []
    assert "is not for this tick" in follows(0, 0)[0]
    assert "is not for this tick" in follows(0, 2)[0]
    assert "from before the policy's turn" in follows(-30 * TICK, 31)[0]
    assert "is older than one that was already followed" in follows(-15 * TICK, 16)[0]
    assert "was never offered" in follows(0, 1, chunk_id=98)[0]
    assert "is malformed" in follows(0, 1, data=np.full((50, 14), np.nan, np.float32))[0]


def test_an_old_chunk_that_goes_on_is_caught():
    scene = Scene().moving()
    scene.policy = None
    last = scene.run(1)[0]
    scene.falsify_from_now(lambda r, k: replace(last, tick=r.tick, stamp_ns=r.stamp_ns))
    scene.run(3)
    assert Kind.STALE in scene.found


def test_a_chunk_from_before_the_hand_back_is_caught():
    scene = Scene().moving()
    scene.ask(RequestKind.TAKE, LEFT)
    scene.drive(5)
    scene.policy = None
    scene.ask(RequestKind.RELEASE, LEFT)
    scene.falsify_from_now(lambda r, k: with_arm(r, LEFT, source=Authority.POLICY))
    scene.run(1)
    assert "before the policy's turn on 'left_arm'" in scene.audit.unsafe[0].words


@pytest.mark.parametrize("stream", ["head", LEFT])
def test_motion_without_a_living_stream_is_caught(stream):
    scene = Scene().moving()
    free = Scene().moving()
    unstopped = {result.tick: result for result in free.run(60)}
    scene.silent = {stream}
    scene.falsify_from_now(lambda r, k: unstopped[r.tick])
    scene.audit._policy._offered = free.audit._policy._offered
    scene.run(60)
    assert scene.found == {Kind.STALE}
    assert f"'{stream}' is silent, frozen or spoilt" in scene.audit.unsafe[0].words


def test_frozen_images_and_spoilt_joint_states_are_no_life():
    audit = Audit(RIG)
    scene = Scene().moving()
    result = scene.run(1)[0]
    for arm in RIG.arms:
        audit.joint_state(arm.name, result.stamp_ns, WHERE[arm.name])
    for camera in RIG.cameras:
        audit.image(camera.name, result.stamp_ns, 7)
    later = result.stamp_ns + 30 * TICK
    audit.tick(replace(result, stamp_ns=later))
    for arm in RIG.arms:
        audit.joint_state(arm.name, later, WHERE[arm.name])
    for camera in RIG.cameras:
        audit.image(camera.name, later, 7 if camera.name == "head" else 8)
    audit.joint_state(LEFT, later, np.full(7, np.nan))
    audit.tick(replace(result, stamp_ns=later + TICK))
    words = [unsafe.words for unsafe in audit.tick(replace(result, stamp_ns=later + 4 * TICK))]
    assert any("'head', 'left_arm' is silent" in text for text in words)


def taken() -> Scene:
    scene = Scene().moving()
    scene.ask(RequestKind.TAKE, LEFT)
    scene.drive(30)
    return scene


def test_a_silent_hand_that_still_holds_the_arm_is_caught():
    scene = taken()
    last = scene.run(1)[0].arms[0]
    scene.falsify_from_now(
        lambda r, k: sent(r, LEFT, last.executed, source=Authority.HUMAN, operator="ana", requested=last.requested)
    )
    scene.run(10)
    assert Kind.STALE in scene.found


@pytest.mark.parametrize("change", ["nan", "let go", "late", "repeated", "stranger", "wrong size"])
def test_a_bad_command_that_moves_the_arm_is_caught(change):
    """The arm goes on as if the commands were good."""
    scene, free = taken(), taken()
    going = []
    for _ in range(25):
        free.drive(1)
        going.append(free.history[-1])
    bad = {
        "nan": {"data": np.full(7, np.nan)},
        "let go": {"deadman": False},
        "late": {"stamp_ns": scene.now_ns - 20 * TICK},
        "repeated": {"stamp_ns": scene.now_ns, "sequence": scene.sequence},
        "stranger": {"operator": "bob"},
        "wrong size": {"data": np.zeros(6)},
    }[change]
    by_tick = {result.tick: result for result in going}
    scene.falsify_from_now(lambda r, k: by_tick[r.tick])
    scene.audit._policy._offered = free.audit._policy._offered
    for _ in range(25):
        scene.command(LEFT, HOME[:7], **bad)
        scene.run(1)
    assert scene.found & {Kind.STALE, Kind.SOURCE, Kind.MOTION}
    assert scene.audit.unsafe[0].tick <= going[0].tick + 8


def test_a_command_of_before_that_is_followed_under_todays_name_is_caught():
    scene = taken()
    earlier = scene.history[-25].arms[0].requested
    scene.falsify_from_now(lambda r, k: with_arm(r, LEFT, requested=earlier if k > 2 else r.arms[0].requested))
    scene.drive(5)
    assert scene.found == {Kind.STALE}
    assert "moves away from what the hand asks for" in scene.audit.unsafe[0].words
