"""Whose turn it is on an arm, and whether it goes where the hand that has it wants it to be."""

import pytest
from loop_bench import HOME, RIG

from aloe_control.audit_turns import ArmTurn, Turn
from aloe_control.human_commands import HumanCommand
from aloe_data.vocabulary import CommandMode

ARM = RIG.arms[0]
PERIOD = 20_000_000
T0 = 10**12


class Hand:
    """An arm in a human's hand: where the hand is, and what is requested of the arm, in every tick."""

    def __init__(self) -> None:
        self.turn = ArmTurn(RIG, ARM, ahead_ns=2 * PERIOD)
        self.now_ns = T0
        self.sequence = 0
        self.turn.begin(Turn.HUMAN, T0, "pedals-1", "ana")

    def asks(self, offset: float) -> None:
        self.now_ns += PERIOD
        self.sequence += 1
        joints = HOME[:7] + offset
        command = HumanCommand(
            ARM.name, self.now_ns, self.sequence, "ana", CommandMode.JOINT_POSITION, False, True, joints, "", "pedals-1"
        )
        self.turn.command(command, self.now_ns)

    def strays(self, offset: float) -> bool:
        return self.turn.strays(HOME[:7] + offset)


def test_an_arm_that_comes_after_a_hand_which_moves_on_faster_does_not_stray():
    hand = Hand()
    for tick in range(10):
        hand.asks(0.05 * tick)
        assert not hand.strays(0.02 * tick)


@pytest.mark.parametrize("speed", [0.0, 0.05, -0.002], ids=["rests", "goes the other way", "comes more slowly"])
def test_an_arm_that_moves_away_from_the_hand_strays_whatever_the_hand_does(speed):
    hand = Hand()
    found = []
    for tick in range(10):
        hand.asks(0.1 + speed * tick)
        found.append(hand.strays(-0.01 * tick))
    assert found == [False, *[True] * 9]
