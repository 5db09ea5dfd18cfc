"""guided_policy_node in process: it loads with its critic, or refuses by name; what it reports."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import critic_made as made
import critic_store as stored
import pytest

pytest.importorskip("rclpy")
pytest.importorskip("aloe_msgs.msg")
import rclpy
from rclpy.parameter import Parameter

from aloe_critic.ros.guided_policy_node import GuidedPolicyNode
from aloe_data.chunk import guided_version
from aloe_policy.checkpoint import CheckpointError, read_checkpoint

DOMAIN = 59


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., GuidedPolicyNode]]:
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    made.write_critic(tmp_path / "critic", made.write_lively_policy(tmp_path / "policy"))
    context, nodes = rclpy.Context(), []
    rclpy.init(context=context, domain_id=DOMAIN)

    def start(**given: object) -> GuidedPolicyNode:
        values = {"rig": str(stored.RIG_FILE), "critic": str(tmp_path / "critic"), "n_action_steps": 10}
        values |= {"checkpoint": str(tmp_path / "policy"), "samples": 2}
        parameters = [Parameter(name, value=value) for name, value in (values | given).items()]
        nodes.append(GuidedPolicyNode(context=context, parameter_overrides=parameters))
        return nodes[-1]

    yield start
    for node in nodes:
        node.finish()
        node.destroy_node()
    context.try_shutdown()


def test_chunks_carry_both_versions_and_diagnostics_say_how_often_the_critic_chose(
    make: Callable[..., GuidedPolicyNode], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    node, said = make(), list[Any]()
    policy, critic = (read_checkpoint(tmp_path / name).version for name in ("policy", "critic"))
    assert node._planner.policy_version == guided_version(policy, critic)
    for publisher in node.publishers:
        monkeypatch.setattr(publisher, "publish", said.append)
    node._report_choices()
    (status,) = said[-1].status
    assert {pair.key: pair.value for pair in status.values}["version"] == guided_version(policy, critic)
    made.write_critic(tmp_path / "critic", tmp_path / "policy", judgement=["another one"])
    fresh = node._loaded(str(tmp_path / "policy"))
    assert fresh.version != node._planner.policy_version, "the critic is read anew with every policy"


def test_without_a_fitting_critic_it_does_not_start(make: Callable[..., GuidedPolicyNode], tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="not a critic"):
        make(critic=str(tmp_path / "policy"))
