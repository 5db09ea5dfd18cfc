"""critic_node in process: what it says live is what the bag says, and it disturbs nobody."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import critic_made as made
import critic_store as stored
import numpy as np
import pytest

pytest.importorskip("rclpy")
pytest.importorskip("aloe_msgs.msg")
import critic_bag
import rclpy
from aloe_msgs.msg import ArmAuthority, Intervention, InterventionRequest, QEstimate
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.parameter import Parameter

from aloe_critic.estimates import Estimates
from aloe_critic.ros.critic_node import CriticNode
from aloe_critic.ros.plot import score_proposals
from aloe_critic.scorer import ChunkScorer
from aloe_data.ros.convert import stamp_to_ns
from aloe_policy.checkpoint import CheckpointError

DOMAIN = 57
ROWS = critic_bag.messages()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("critic_node")
    made.write_critic(path / "critic", stored.write_policy(path / "policy"))
    return path


class World:
    """The node under test: messages are handed to its subscriptions, and what it publishes is kept."""

    def __init__(self, node: CriticNode, monkeypatch: pytest.MonkeyPatch) -> None:
        self.node, self.said, self.changed = node, [], threading.Condition()
        for publisher in node.publishers:
            monkeypatch.setattr(publisher, "publish", self._hear)

    def _hear(self, message: Any) -> None:
        with self.changed:
            self.said.append(message)
            self.changed.notify_all()

    def give(self, topic: str, message: Any) -> None:
        next(s for s in self.node.subscriptions if s.topic_name == topic).callback(message)

    def play(self, rows: list[critic_bag.Row]) -> None:
        taken = {subscription.topic_name for subscription in self.node.subscriptions}
        for _, topic, message in rows:
            if topic in taken:
                self.give(topic, message)

    def heard(self, kind: type, count: int) -> list[Any]:
        """At least so many messages of a type."""
        with self.changed:
            enough = lambda: sum(isinstance(m, kind) for m in self.said) >= count  # noqa: E731
            assert self.changed.wait_for(enough, 30.0), self.report()
        return [m for m in self.said if isinstance(m, kind)]

    def report(self) -> Any:
        self.node._report()
        return [m for m in self.said if isinstance(m, DiagnosticArray)][-1].status[0]

    def reported(self, name: str) -> int:
        return int(next(pair.value for pair in self.report().values if pair.key == name))


@pytest.fixture
def make(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., World]]:
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    context, nodes = rclpy.Context(), []
    rclpy.init(context=context, domain_id=DOMAIN)

    def start(**given: object) -> World:
        values = {"rig": str(stored.RIG_FILE), "critic": str(folder / "critic"), "checkpoint": str(folder / "policy")}
        parameters = [Parameter(name, value=value) for name, value in (values | {"samples": 4} | given).items()]
        nodes.append(CriticNode(context=context, parameter_overrides=parameters))
        return World(nodes[-1], monkeypatch)

    yield start
    for node in nodes:
        node.finish()
        node.destroy_node()
    context.try_shutdown()


def until_scored(world: World, rows: list[critic_bag.Row]) -> list[QEstimate]:
    """Play rows, waiting at every chunk until it is scored."""
    chunks = [k for k, row in enumerate(rows) if row[1] == "/policy/action_chunk"]
    for number, (start, stop) in enumerate(zip([0, *chunks[1:]], [*chunks[1:], len(rows)], strict=True)):
        world.play(rows[start:stop])
        world.heard(QEstimate, number + 1)
    return world.heard(QEstimate, len(chunks))


def test_what_is_said_live_is_what_the_bag_says(make: Callable[..., World], tmp_path: Path) -> None:
    world = make()
    live = until_scored(world, ROWS)
    bag = critic_bag.write_bag(tmp_path / "ep_0000", ROWS)
    recorded = list(score_proposals(world.node._scorer, bag, made.RIG))
    assert [m.chunk_id for m in live] == [chunk.chunk_id for chunk, _ in recorded] == [1, 2, 3, 4, 5]
    for message, (chunk, found) in zip(live, recorded, strict=True):
        assert stamp_to_ns(message.header.stamp) == chunk.stamp_ns
        assert (message.policy_version, message.critic_version) == ("v1", world.node._scorer.critic.version)
        np.testing.assert_allclose(message.q, found.q[:, 0], atol=1e-5)
        expected = (found.value[0], found.advantage[0], found.spread[0])
        np.testing.assert_allclose((message.value, message.advantage, message.spread), expected, atol=1e-5)
    assert np.std([m.q for m in live], axis=0).min() > 1e-3, "a critic that tells nothing apart proves nothing"


def test_a_chunk_that_overtakes_its_observation_waits_for_it(make: Callable[..., World]) -> None:
    expected = until_scored(make(), ROWS)
    early = [(stamp_to_ns(m.header.stamp) if t == "/policy/action_chunk" else r, t, m) for r, t, m in ROWS]
    again = until_scored(make(), sorted(early, key=lambda row: row[0]))
    for message, other in zip(again, expected, strict=True):
        np.testing.assert_allclose(message.q, other.q, atol=1e-5)


def test_a_chunk_that_comes_before_the_news_of_its_episode_waits_for_it(make: Callable[..., World]) -> None:
    world, first = make(), next(k for k, row in enumerate(ROWS) if row[1] == "/policy/action_chunk") + 1
    news = [row for row in ROWS[:first] if row[1] == "/episode/state"]
    world.play([row for row in ROWS[:first] if row not in news])
    assert (world.reported("chunks_scored"), world.report().message) == (0, "ok")
    world.play(news)
    assert [m.chunk_id for m in world.heard(QEstimate, 1)] == [1]


def test_who_is_late_goes_on_with_the_newest_chunk_and_counts_the_others(
    make: Callable[..., World], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, go_on = threading.Event(), threading.Event()
    real = ChunkScorer.score_chunk

    def slowly(*arguments: Any) -> Estimates:
        asked.set()
        assert go_on.wait(30.0)
        return real(*arguments)

    monkeypatch.setattr(ChunkScorer, "score_chunk", slowly)
    world = make()
    first = next(k for k, row in enumerate(ROWS) if row[1] == "/policy/action_chunk") + 1
    world.play(ROWS[:first])
    assert asked.wait(30.0)
    began = time.monotonic()
    world.play(ROWS[first:])
    assert time.monotonic() - began < 5.0, "receiving does not wait for scoring"
    go_on.set()
    assert [m.chunk_id for m in world.heard(QEstimate, 2)] == [1, 5]
    assert (world.reported("chunks_scored"), world.reported("chunks_skipped")) == (2, 3)


def holding(**authorities: int) -> Intervention:
    arms = [ArmAuthority(arm=name, authority=authority) for name, authority in authorities.items()]
    return Intervention(armed=True, arms=arms)


@pytest.fixture
def bad(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every chunk is far worse than what the policy mostly does."""
    found = Estimates(np.full((3, 1), -0.8, np.float32), np.float32([-0.8]), np.float32([-0.5]))
    monkeypatch.setattr(ChunkScorer, "score_chunk", lambda *_: found)


def test_an_alert_is_said_at_once_and_asks_for_nothing(make: Callable[..., World], bad: None) -> None:
    world = make()
    world.give("/intervention", holding(left_arm=ArmAuthority.POLICY, right_arm=ArmAuthority.POLICY))
    until_scored(world, ROWS)
    first = next(m for m in world.said if isinstance(m, DiagnosticArray)).status[0]
    assert first.level == DiagnosticStatus.WARN
    assert first.message == "chunk 1: this chunk is 3.0 std(Q) worse than what the policy mostly does here"
    assert world.reported("alerts") == 1, "an alert that goes on is one"
    assert not any(isinstance(m, InterventionRequest) for m in world.said)


def test_where_it_may_it_asks_the_policys_arms_to_hold_once(make: Callable[..., World], bad: None) -> None:
    world = make(ask_takeover=True)
    world.give("/intervention", holding(left_arm=ArmAuthority.HUMAN, right_arm=ArmAuthority.POLICY))
    until_scored(world, ROWS)
    (request,) = world.heard(InterventionRequest, 1)
    assert (request.request, request.arms) == (InterventionRequest.HOLD, ["right_arm"])
    assert request.device == "critic_node" and "worse than what the policy mostly does" in request.reason


@pytest.mark.parametrize("armed", [False, True])
def test_it_asks_nobody_where_the_policy_holds_no_arm(make: Callable[..., World], bad: None, armed: bool) -> None:
    world = make(ask_takeover=True)
    message = holding(left_arm=ArmAuthority.HUMAN, right_arm=ArmAuthority.HOLD)
    if not armed:
        message = holding(left_arm=ArmAuthority.POLICY)
        message.armed = False
    world.give("/intervention", message)
    until_scored(world, ROWS)
    assert not any(isinstance(m, InterventionRequest) for m in world.said)


def test_a_chunk_whose_observation_is_not_there_is_named(make: Callable[..., World]) -> None:
    world = make()
    camera = made.RIG.cameras[1].topic
    first = next(k for k, row in enumerate(ROWS) if row[1] == "/policy/action_chunk") + 1
    newest = [row for row in ROWS[:first] if row[1] == camera][-1]
    world.play([*(row for row in ROWS[:first] if row[1] != camera), newest])
    until = time.monotonic() + 30.0
    while world.report().level != DiagnosticStatus.ERROR:
        assert time.monotonic() < until
    assert f"chunk 1 not scored: {made.RIG.cameras[1].name}" in world.report().message


def test_chunks_of_another_policy_are_scored_and_said(make: Callable[..., World]) -> None:
    world = make(low_advantage=0.0, high_spread=0.0)
    until_scored(world, ROWS)
    status = world.report()
    assert status.level == DiagnosticStatus.WARN and "chunks come from the policy v1" in status.message


@pytest.mark.parametrize(
    ("facts", "says"), [({"passed": False}, "insist with force"), ({"policy": "0" * 64}, "allow it with other_policy")]
)
def test_a_critic_that_should_not_be_asked_is_refused_at_the_start(
    make: Callable[..., World], folder: Path, facts: dict[str, object], says: str
) -> None:
    critic = made.write_critic(folder / f"wrong_{next(iter(facts))}", folder / "policy", **facts)
    with pytest.raises(CheckpointError, match=says):
        make(critic=str(critic))
    make(critic=str(critic), force=True, other_policy=True)
