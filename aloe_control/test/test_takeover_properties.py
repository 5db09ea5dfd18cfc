"""Whatever people, their devices and strangers send: one holder per arm, and whoever wants an arm stops the policy."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aloe_control.authority import State
from aloe_control.human_commands import HumanCommand
from aloe_control.operator_requests import Request, RequestRefused
from aloe_control.takeover import Takeover
from aloe_control.tick import ControlConfig
from aloe_data.rig_file import load_rig
from aloe_data.vocabulary import Authority, CommandMode, RequestKind

RIG = load_rig(Path(__file__).parents[2] / "config" / "rig_sim.yaml")
HOLDING_ALONG = replace(RIG, takeover=replace(RIG.takeover, other_arms="hold"))
ARMS = tuple(arm.name for arm in RIG.arms)
LEFT, RIGHT = ARMS
TICK = 20_000_000
SENDERS = ("teleop_node-1", "teleop_node-2")
POLICYS = (State.WAITING, State.POLICY)
# Mostly in time; else old, from the far future, or as old as the request before.
AGES_NS = st.sampled_from([0, 0, 0, 0, TICK, 10**9, -(10**9)])
REQUESTS = st.tuples(
    st.sampled_from(RequestKind),
    st.sampled_from([(), (LEFT,), (RIGHT,), ARMS, ("left_am", RIGHT)]),
    st.sampled_from(SENDERS),
    st.sampled_from(["ana", "ana", "ana", "bo"]),
    AGES_NS,
)
STEPS = st.lists(st.one_of(REQUESTS, st.sampled_from(["arm", "stop", "tick", *SENDERS])), max_size=40)


class World:
    """Takes steps, and knows who held what before each."""

    def __init__(self, rig, takeovers: bool) -> None:
        self.takeover = Takeover(rig, ControlConfig(takeovers=takeovers))
        self.now_ns = 10**10
        self.sequence = 0

    def holders(self) -> dict[str, tuple]:
        """Arms in human hands: by arm, device, name and since when."""
        holds = {arm: self.takeover.status(arm) for arm in ARMS}
        return {arm: (h.sender, h.operator, h.since_ns) for arm, h in holds.items() if h.authority is Authority.HUMAN}

    def step(self, step) -> None:
        self.now_ns += TICK
        if step == "arm":
            self.takeover.arm(self.now_ns)
        elif step == "stop":
            self.takeover.stop(self.now_ns, "test")
        elif step == "tick":
            self.takeover.check(self.now_ns)
            for arm in ARMS:
                self.takeover.policy(arm, True, self.now_ns)
        elif step in SENDERS:
            self.command(step)
        else:
            self.request(*step)

    def command(self, sender: str) -> None:
        self.sequence += 1
        before = self.holders()
        data = np.array(RIG.arm(LEFT).home)
        command = HumanCommand(
            LEFT, self.now_ns, self.sequence, "ana", CommandMode.JOINT_POSITION, False, True, data, sender=sender
        )
        said = self.takeover.command(command, self.now_ns)
        self.others_are_untouched(before, sender)
        assert said or LEFT not in before or before[LEFT][:2] == (sender, "ana")

    def request(self, kind, arms, sender, operator, age_ns) -> None:
        before = self.holders()
        request = Request(kind, arms, self.now_ns - age_ns, operator, "pedal", sender=sender)
        meant = ARMS if not arms or "left_am" in arms else arms
        refused = False
        try:
            self.takeover.request(request, self.now_ns)
        except RequestRefused:
            refused = True
        states = {self.takeover.state(arm) for arm in meant}
        if kind is RequestKind.TAKE:
            assert states.isdisjoint(POLICYS)
            assert not refused or all(self.holders()[arm] == before[arm] for arm in self.holders())
        if kind is RequestKind.HOLD:
            assert states <= {State.HELD, State.IDLE}
        else:
            self.others_are_untouched(before, sender)
        assert kind is not RequestKind.ESTOP or (self.takeover.estop and not refused)

    def others_are_untouched(self, before, sender) -> None:
        after = self.holders()
        for arm, holder in before.items():
            assert holder[0] == sender or after.get(arm) == holder
        assert all(arm in before or holder[0] == sender for arm, holder in after.items())


@pytest.mark.parametrize("rig", [RIG, HOLDING_ALONG], ids=["others go on", "others hold"])
@given(steps=STEPS)
def test_no_device_changes_what_another_holds_and_a_wish_to_take_never_leaves_an_arm_to_the_policy(rig, steps):
    world = World(rig, takeovers=True)
    for step in ["arm", "tick", *steps]:
        world.step(step)


@given(steps=STEPS)
def test_without_takeovers_no_arm_is_ever_in_human_hands(steps):
    world = World(RIG, takeovers=False)
    for step in ["arm", "tick", *steps]:
        world.step(step)
        assert not world.holders()


@given(steps=STEPS)
def test_hold_is_reached_from_everywhere_at_any_time_by_anybody(steps):
    world = World(RIG, takeovers=True)
    for step in steps:
        world.step(step)
    world.takeover.request(Request(RequestKind.HOLD, (), 0, "stranger"), world.now_ns)
    world.takeover.policy(LEFT, True, world.now_ns)
    assert {world.takeover.status(arm).authority for arm in ARMS} == {Authority.HOLD}
