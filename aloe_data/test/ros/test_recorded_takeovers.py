"""From a bag alone: who commanded each arm in every tick, why, and the segments that follow from it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from aloe_msgs.msg import ArmAction, EpisodeEvent, ExecutedAction

from aloe_data.codecs import encode_jpeg
from aloe_data.rig import Rig
from aloe_data.rig_file import load_rig
from aloe_data.ros.bag_frames import read_episode
from aloe_data.ros.convert import compressed_to_message, joint_state_to_message, ns_to_stamp
from aloe_data.segments import episode_segments

MS, PERIOD_MS = 1_000_000, 20
HOLD, POLICY, HUMAN = ArmAction.HOLD, ArmAction.POLICY, ArmAction.HUMAN


class Stint(NamedTuple):
    """What was done for a number of ticks."""

    left: int
    right: int
    ticks: int
    operator: str = ""
    reason: str = "policy"


# A pedal takes the left arm, then both; hand-back; the policy waits for a fresh chunk; a slip of the foot; success.
DONE = (
    Stint(HOLD, HOLD, 9, reason="waits for the policy"),
    Stint(POLICY, POLICY, 31),
    Stint(HUMAN, POLICY, 17, "eva", "took over with the pedal"),
    Stint(HUMAN, HUMAN, 22, "eva", "took over with the pedal"),
    Stint(HOLD, HOLD, 8, reason="handed back; waits for a fresh chunk"),
    Stint(POLICY, POLICY, 25),
    Stint(POLICY, HUMAN, 3, "ben", "took over with the keyboard"),
    Stint(HOLD, HOLD, 4, reason="handed back; waits for a fresh chunk"),
    Stint(POLICY, POLICY, 30),
)
SAID = [  # kind, ticks, end, terminal, arms
    ("hold", 9, "pause", False, ()),
    ("autonomous", 31, "takeover", True, ()),
    ("human", 39, "hand-back", False, ("left_arm", "right_arm")),
    ("hold", 8, "pause", False, ()),
    ("autonomous", 25, "touch", False, ()),
    ("human", 3, "hand-back", False, ("right_arm",)),
    ("hold", 4, "pause", False, ()),
    ("autonomous", 30, "success", True, ()),
]


@pytest.fixture
def rig(rig_file: Path) -> Rig:
    return load_rig(rig_file)


def executed(rig: Rig, number: int, stint: Stint, armed: bool = True) -> tuple[int, str, Any]:
    arms = []
    for arm, source in zip(rig.arms, (stint.left, stint.right), strict=True):
        operator = stint.operator if source == HUMAN else ""
        values = {"requested": [number / 50] * arm.dof, "executed": [number / 100] * arm.dof}
        clip = "velocity" if source == HUMAN else ""
        arms.append(
            ArmAction(
                arm=arm.name, source=source, operator_id=operator, reason=stint.reason, clip_reason=clip, **values
            )
        )
    message = ExecutedAction(tick=number, armed=armed, arms=arms)
    message.header.stamp = ns_to_stamp(number * PERIOD_MS * MS)
    return number * PERIOD_MS, "/executed_action", message


def event(number: int, kind: int, verdict: int = 0) -> tuple[int, str, Any]:
    message = EpisodeEvent(
        kind=kind, verdict=verdict, episode_id="ep_0004", source="pedal", prompt="sort", reason="seen"
    )
    message.header.stamp = ns_to_stamp(number * PERIOD_MS * MS)
    return number * PERIOD_MS, "/episode/events", message


def recorded(rig: Rig) -> list[tuple[int, str, Any]]:
    """DONE between START and STOP, with ticks before the arming and after the end, and all streams."""
    before, after = Stint(HOLD, HOLD, 10, reason="not armed"), Stint(HOLD, HOLD, 10, reason="disarmed")
    stints = [before, *DONE, after]
    length = sum(stint.ticks for stint in stints)
    rows = [event(10, EpisodeEvent.START), event(length - 11, EpisodeEvent.STOP, EpisodeEvent.SUCCESS)]
    image = encode_jpeg(np.zeros((240, 320, 3), np.uint8))
    number = 0
    for stint in stints:
        for _ in range(stint.ticks):
            stamp = number * PERIOD_MS
            rows.append(executed(rig, number, stint, armed=stint in DONE))
            rows += [(stamp, c.topic, compressed_to_message(image, stamp * MS, "")) for c in rig.cameras]
            states = ((arm, joint_state_to_message(arm, arm.home, stamp * MS)) for arm in rig.arms)
            rows += [(stamp, arm.joint_state_topic, message) for arm, message in states]
            number += 1
    return rows


def test_segments_of_a_bag_are_what_was_done_tick_by_tick(rig: Rig, write: Callable[..., Path]) -> None:
    episode = read_episode(write(recorded(rig)), rig, image_size=(24, 32))
    by_tick = [stint for stint in DONE for _ in range(stint.ticks)]
    assert episode.source.tolist() == [[stint.left, stint.right] for stint in by_tick]
    for row, stint in enumerate(by_tick):
        for arm, source in enumerate((stint.left, stint.right)):
            assert episode.operator.at(row, arm) == (stint.operator if source == HUMAN else "")
            assert episode.reason.at(row, arm) == stint.reason
            assert episode.clip.at(row, arm) == ("velocity" if source == HUMAN else "")
    np.testing.assert_allclose(episode.requested, 2 * episode.executed, rtol=1e-6)
    segments = episode_segments(episode)
    assert [(s.kind, len(s), s.end, s.terminal, s.arms) for s in segments] == SAID
    assert (episode.facts.verdict, episode.facts.verdict_source, episode.facts.reason) == ("success", "pedal", "seen")
