"""These tests need ROS; without it they are not collected."""

import re
from importlib.util import find_spec
from pathlib import Path

import pytest

HAVE_ROS = bool(find_spec("rclpy") and find_spec("aloe_msgs"))
collect_ignore_glob = [] if HAVE_ROS else ["test_*.py"]
RIG_FILE = Path(__file__).parents[3] / "config" / "rig_sim.yaml"


@pytest.fixture
def rig_file(tmp_path):
    """The simulated rig, with more patience than it has on a real machine: here everything shares two busy cores."""
    text = re.sub(r"\bmax_age_s: [\d.]+", "max_age_s: 1.0", RIG_FILE.read_text())
    text = re.sub(r"policy_max_age_s: [\d.]+", "policy_max_age_s: 1.5", text)
    path = tmp_path / "rig.yaml"
    path.write_text(text.replace("urdf: ", f"urdf: {RIG_FILE.parent}/"))
    return path


@pytest.fixture
def world(rig_file):
    from node_world import World

    world = World(rig_file)
    yield world
    world.close()


@pytest.fixture
def control(world, rig_file):
    from node_world import start

    process = start(rig_file)
    yield process
    process.terminate()
    assert process.wait(timeout=10) == 0
