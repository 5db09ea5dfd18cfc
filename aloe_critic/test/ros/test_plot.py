"""The command: a picture, a page, and a bag with /critic/q beside all that was recorded."""

import dataclasses
import sys
from pathlib import Path

import critic_made as made
import critic_store as stored
import numpy as np
import pytest

pytest.importorskip("rclpy")
pytest.importorskip("aloe_msgs.msg")
import critic_bag
from aloe_msgs.msg import QEstimate
from rosbags.highlevel import AnyReader

from aloe_critic.ros import plot as command
from aloe_critic.ros.q_bag import copy_with_estimates
from aloe_data.config import ConfigError
from aloe_data.rig_file import load_rig
from aloe_data.ros.bag_reader import read_own_record, read_serialized
from aloe_data.ros.convert import ns_to_stamp, stamp_to_ns
from aloe_policy.checkpoint import CheckpointError


@pytest.fixture(scope="module")
def setting(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, command.PlotConfig]:
    folder = tmp_path_factory.mktemp("plot")
    policy = stored.write_policy(folder / "policy")
    bag = critic_bag.write_bag(folder / "ep_0000", critic_bag.messages())
    config = command.PlotConfig(critic=made.write_critic(folder / "critic", policy), policy=policy, samples=2)
    return bag, config


def test_a_bag_becomes_a_picture_a_page_and_a_bag_with_the_values(
    setting: tuple[Path, command.PlotConfig], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bag, config = setting
    out, copy = tmp_path / "new" / "q.png", tmp_path / "with_q"
    timeline = command.plot(bag, dataclasses.replace(config, out=out, mcap=copy, stride=10))
    assert out.stat().st_size > 20_000 and "const D = {" in out.with_suffix(".html").read_text()
    said = capsys.readouterr().out
    assert f"ep_0000: success; {critic_bag.PROMPT}" in said and "picture: " in said and str(copy) in said
    assert timeline.ticks.tolist() == list(range(0, critic_bag.TICKS, 10))
    assert timeline.proposed[:, 0].tolist() == pytest.approx([0.0, 0.4, 0.8, 1.2, 1.6])
    with AnyReader([copy]) as reader:
        (connection,) = (c for c in reader.connections if c.topic == "/critic/q")
        read = [
            (ns, reader.deserialize(data, "aloe_msgs/msg/QEstimate")) for _, ns, data in reader.messages([connection])
        ]
    np.testing.assert_allclose([m.q.min() for _, m in read], timeline.proposed[:, 1], atol=1e-6)
    assert [stamp_ns for stamp_ns, _ in read] == [stamp_to_ns(m.header.stamp) for _, m in read]
    others = [row for row in read_serialized(copy) if row[0] != "/critic/q"]
    assert sorted(others) == sorted(read_serialized(bag)), "nothing else has changed"
    assert read_own_record(copy) == read_own_record(bag)


def test_values_that_a_bag_holds_already_give_way_to_the_new_ones(
    setting: tuple[Path, command.PlotConfig], tmp_path: Path
) -> None:
    bag, rig = setting[0], load_rig(stored.RIG_FILE)
    for number, name in enumerate(("once", "twice")):
        message = QEstimate(chunk_id=number)
        message.header.stamp = ns_to_stamp(critic_bag.BEGAN_NS + 1)
        copy_with_estimates(bag, tmp_path / name, rig, [message])
        bag = tmp_path / name
    assert len([row for row in read_serialized(bag) if row[0] == "/critic/q"]) == 1


def test_wrong_arguments_are_said_before_anything_is_scored(
    setting: tuple[Path, command.PlotConfig], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bag, config = setting
    with pytest.raises(ConfigError, match=r"is the page's name"):
        command.plot(bag, dataclasses.replace(config, out=tmp_path / "q.html"))
    with pytest.raises(ConfigError, match="exists; name a new folder"):
        command.plot(bag, dataclasses.replace(config, mcap=tmp_path))
    with pytest.raises(CheckpointError, match="not a critic"):
        command.plot(bag, dataclasses.replace(config, critic=config.policy))
    arguments = [str(tmp_path / "nowhere"), "--critic", str(config.critic), "--policy", str(config.policy)]
    monkeypatch.setattr(sys, "argv", ["plot", *arguments])
    with pytest.raises(SystemExit, match=r"plot: .*nowhere"):
        command.main()
