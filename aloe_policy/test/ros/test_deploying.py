"""What other nodes say makes policy_node go back; most messages are handed to the subscriptions, and not sent."""

import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("rclpy")
pytest.importorskip("aloe_msgs.msg")
import rclpy
from aloe_msgs.msg import ArmAuthority, ChunkRefused, EpisodeEvent, Intervention
from aloe_msgs.srv import LoadPolicy
from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.executors import SingleThreadedExecutor
from std_srvs.srv import Trigger

from aloe_data.chunk import guided_version
from aloe_data.recording import REFUSED_CHUNKS
from aloe_data.rig_file import load_rig
from aloe_policy.deployment import Deployed
from aloe_policy.planner import ChunkPlanner
from aloe_policy.ros.deploying import Deploying, DeployingConfig

RIG = load_rig(Path(__file__).parents[3] / "config" / "rig_sim.yaml")
DOMAIN = 84


class World:
    """A node that drives one policy and has another one on trial."""

    def __init__(self, node: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        first = self.deployed("good")
        self.planner, self.node, self.said = ChunkPlanner(RIG, first.policy, 25), node, list[Any]()
        publisher = SimpleNamespace(publish=self.said.append)
        monkeypatch.setattr(node, "create_publisher", lambda *_: publisher)
        config = DeployingConfig(trial_episodes=4)
        self.deploying = Deploying(node, self.planner, first, lambda path: self.deployed(path).policy, config)
        self.load("new")

    @staticmethod
    def deployed(version: str) -> Deployed:
        if not version:
            raise ValueError("no such policy")
        return Deployed(version, SimpleNamespace(version=version))  # type: ignore[arg-type]

    def load(self, version: str) -> None:
        self.deploying._deployment.load(self.deployed(version))
        self.deploying._follow()

    def give(self, topic: str, message: Any) -> None:
        next(s for s in self.node.subscriptions if s.topic_name == topic).callback(message)

    def refuse(self, policy: str, reason: int = ChunkRefused.INFEASIBLE) -> None:
        self.give(REFUSED_CHUNKS, ChunkRefused(policy_version=policy, reason=reason, text="it jumps"))

    def run_episode(self, authority: int, verdict: int = EpisodeEvent.FAILURE) -> None:
        self.give("/episode/events", EpisodeEvent(kind=EpisodeEvent.START))
        self.give("/intervention", Intervention(armed=True, arms=[ArmAuthority(arm="left_arm", authority=authority)]))
        self.give("/episode/events", EpisodeEvent(kind=EpisodeEvent.STOP, verdict=verdict))


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    context = rclpy.Context()
    rclpy.init(context=context, domain_id=DOMAIN)
    node = rclpy.create_node("deploying", context=context)
    yield World(node, monkeypatch)
    node.destroy_node()
    context.try_shutdown()


def test_chunks_that_control_refuses_bring_the_last_good_policy_back(world: World) -> None:
    world.refuse("good")  # a late one of before
    world.refuse("new")
    assert world.planner.policy_version == "new"
    world.refuse("new")
    assert world.planner.policy_version == "good"
    assert [message.policy_version for message in world.said] == ["good", "new", "good"]
    assert world.said[-1].note == (
        "rolled back from new: control_node refused 2 of its chunks, the last one because it jumps"
    )
    assert world.deploying.status().level == DiagnosticStatus.WARN


def test_refusals_are_counted_by_episode(world: World) -> None:
    for _ in range(4):
        world.refuse("new")
        world.run_episode(ArmAuthority.POLICY)
    assert world.planner.policy_version == "new"


def test_chunks_that_are_refused_for_their_sender_do_not_speak_against_the_policy(world: World) -> None:
    for _ in range(5):
        world.refuse("new", ChunkRefused.OTHER_POLICY)
    assert world.planner.policy_version == "new"


def test_a_refusal_that_control_publishes_reaches_the_policy(world: World) -> None:
    control = rclpy.create_node("control_node", context=world.node.context)
    refusals = control.create_publisher(ChunkRefused, REFUSED_CHUNKS, 10)
    executor = SingleThreadedExecutor(context=world.node.context)
    executor.add_node(world.node)
    deadline_s = time.monotonic() + 10.0
    while not refusals.get_subscription_count() and time.monotonic() < deadline_s:
        executor.spin_once(timeout_sec=0.05)
    for _ in range(2):
        refusals.publish(ChunkRefused(policy_version="new", reason=ChunkRefused.MALFORMED, text="it jumps"))
    while world.planner.policy_version == "new" and time.monotonic() < deadline_s:
        executor.spin_once(timeout_sec=0.05)
    assert world.planner.policy_version == "good"
    executor.shutdown()
    control.destroy_node()


def test_takeovers_bring_the_last_good_policy_back_but_not_in_aborted_episodes(world: World) -> None:
    for _ in range(3):
        world.run_episode(ArmAuthority.HUMAN, EpisodeEvent.ABORT)
    for _ in range(2):
        world.run_episode(ArmAuthority.HUMAN)
    world.run_episode(ArmAuthority.POLICY)
    assert world.planner.policy_version == "new"
    world.run_episode(ArmAuthority.HUMAN)
    assert world.planner.policy_version == "good"


def test_a_trial_that_went_well_ends_and_the_way_back_stays(world: World) -> None:
    for _ in range(4):
        world.run_episode(ArmAuthority.POLICY, EpisodeEvent.SUCCESS)
    values = {pair.key: pair.value for pair in world.deploying.status().values}
    assert (values["standing"], values["goes_back_to"]) == ("good", "good")
    answer = world.deploying._on_rollback(Trigger.Request(), Trigger.Response())
    assert (answer.success, answer.message) == (True, "policy good from good")


@pytest.mark.parametrize(("path", "problem"), [("newer", ""), ("", "no such policy; policy new keeps running")])
def test_when_a_load_is_answered_the_next_one_may_be_asked_for(world: World, path: str, problem: str) -> None:
    answers, deploying = list[Any](), world.deploying
    deploying._loading = True
    done = SimpleNamespace(set_result=lambda message: answers.append((message, deploying._loading)))
    deploying._load_and_swap(LoadPolicy.Request(path=path), done)  # type: ignore[arg-type]
    assert answers == [(problem, False)]


@pytest.mark.parametrize(
    ("wanted", "problem"),
    [
        ("0123456789ab", ""),
        ("0123456789abcdef", ""),
        ("", ""),
        ("0123456789a", "is version 0123456789ab, not 0123456789a; name the right folder, and 12 digits or all"),
        ("0123456789ac", "is version 0123456789ab, not 0123456789ac"),
    ],
)
def test_a_version_may_be_asked_for_as_everything_prints_it(world: World, wanted: str, problem: str) -> None:
    answers = list[str]()
    request = LoadPolicy.Request(path="0123456789abcdef", policy_version=wanted)
    world.deploying._load_and_swap(request, SimpleNamespace(set_result=answers.append))  # type: ignore[arg-type]
    assert problem in answers[0] and bool(problem) == bool(answers[0])


def test_another_version_than_asked_for_is_refused_before_anything_is_loaded(world: World, tmp_path: Path) -> None:
    (tmp_path / "sha256").write_text("0123456789abcdef\n")
    loaded, answers = list[str](), list[str]()
    world.deploying._load = loaded.append  # type: ignore[assignment]
    request = LoadPolicy.Request(path=str(tmp_path), policy_version="ba9876543210")
    world.deploying._load_and_swap(request, SimpleNamespace(set_result=answers.append))  # type: ignore[arg-type]
    assert "is version 0123456789ab, not ba9876543210" in answers[0] and not loaded


def test_of_a_guided_policy_the_checkpoint_names_the_policy_and_the_note_its_critic(world: World) -> None:
    world.load(guided_version("p1", "c1"))
    assert (world.said[-1].policy_version, world.said[-1].note) == ("p1", "loaded on request; guided by the critic c1")
