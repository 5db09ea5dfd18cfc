"""From demonstrations to a policy: scenes, encoder, bags, training, checkpoint, inference; small, but the whole way."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from rosbags.highlevel import AnyReader
from safetensors import safe_open
from safetensors.torch import save_file

pytest.importorskip("launch_ros")

from aloe_control.ros.reexecute import reexecute_bag
from aloe_data.observation import Observation
from aloe_data.rig import Rig
from aloe_data.rig_file import load_rig
from aloe_data.ros.bag_frames import read_episode
from aloe_policy.backend import load_policy
from aloe_policy.training_state import state_file

ROOT = Path(__file__).parents[3]
RIG_FILE = ROOT / "config" / "rig_sim.yaml"


@pytest.fixture(scope="module")
def rig() -> Rig:
    return load_rig(RIG_FILE)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("chain")
    run("aloe_pipeline.ros.record_demos", "--fast", "--episodes", "2", "--out", path / "bags", "--rig", RIG_FILE)
    run("aloe_sim.rollout.scenes", "--rig", RIG_FILE, "--frames", "20", "--stride", "20", "--out", path / "scenes.npz")
    pretrain = ("--scenes", path / "scenes.npz", "--out", path / "encoder.safetensors", "--steps", "3")
    run("aloe_policy.encoders.pretrain_encoder", *pretrain, "--batch-size", "4", "--threads", "1")
    files = ("--bags", path / "bags", "--rig", RIG_FILE, "--encoder", path / "encoder.safetensors", "--out", path / "p")
    run("aloe_policy.ros.train", *files, "--steps", "3", "--batch-size", "4", "--threads", "1")
    return path


def run(module: str, *arguments: object, check: bool = True) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", module, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, env=dict(os.environ), check=False)
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done


def test_demonstrations_read_back_as_successful_episodes(folder: Path, rig: Rig) -> None:
    episode = read_episode(folder / "bags" / "ep_0000", rig, image_size=(96, 128))
    assert episode.facts.verdict == "success"
    assert episode.observed.all()
    assert episode.lost_ticks == 0
    assert np.isfinite(episode.executed).all()
    assert episode.images([0, 10]).shape == (2, 3, 96, 128, 3)
    lag = np.abs(episode.executed - episode.state)
    assert lag.max() < 0.3, "commands and measurements belong to the same moments"


def test_the_control_loop_run_again_on_a_demonstration_gives_the_same_commands(folder: Path, rig: Rig) -> None:
    again = reexecute_bag(folder / "bags" / "ep_0000", rig)
    assert len(again) > 100 and max(tick.difference_rad for tick in again) == 0.0


def test_a_demonstration_opens_in_an_independent_reader(folder: Path) -> None:
    with AnyReader([folder / "bags" / "ep_0000"]) as reader:
        seen = {c.topic for c, _, data in reader.messages() if reader.deserialize(data, c.msgtype) is not None}
    assert {"/left_arm/joint_states", "/replay/left_arm/command", "/policy/action_chunk", "/executed_action"} <= seen


def test_the_checkpoint_drives_the_rig_it_was_trained_for(folder: Path, rig: Rig) -> None:
    policy = load_policy(folder / "p", rig)
    images = {camera.name: np.zeros((camera.height, camera.width, 3), np.uint8) for camera in rig.cameras}
    state = np.concatenate([arm.home for arm in rig.arms]).astype(np.float32)
    chunk = policy.infer(Observation(stamp_ns=1, state=state, images=images, prompt="put the red cube left"))
    assert chunk.shape == (50, rig.action_dim)
    assert np.isfinite(chunk).all()
    assert "successful episodes" in (folder / "p" / "README.md").read_text()


def test_a_folder_without_bags_is_said(folder: Path) -> None:
    arguments = (
        "--bags",
        folder / "p",
        "--rig",
        RIG_FILE,
        "--encoder",
        folder / "encoder.safetensors",
        "--out",
        folder / "q",
    )
    done = run("aloe_policy.ros.train", *arguments, check=False)
    assert done.returncode != 0
    assert "no bags found" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_damaged_bag_is_named_and_the_others_are_used(folder: Path, tmp_path: Path) -> None:
    bags = tmp_path / "bags"
    for name in ("ep_0000", "ep_0001", "ep_0002"):
        (bags / name).mkdir(parents=True)
        source = folder / "bags" / ("ep_0000" if name == "ep_0002" else name)
        for file in source.iterdir():
            target = bags / name / file.name
            data = file.read_bytes()
            target.write_bytes(data[: len(data) // 3] if name == "ep_0002" and file.suffix == ".mcap" else data)
    arguments = (
        "--bags",
        bags,
        "--rig",
        RIG_FILE,
        "--encoder",
        folder / "encoder.safetensors",
        "--out",
        tmp_path / "p",
    )
    done = run("aloe_policy.ros.train", *arguments, "--steps", "2", "--batch-size", "4", "--threads", "1")
    assert "ep_0002" in done.stdout + done.stderr
    assert "2 episodes" in done.stdout


def test_a_training_that_was_stopped_does_not_go_on_with_another_encoder(folder: Path, tmp_path: Path) -> None:
    encoder = tmp_path / "encoder.safetensors"
    shutil.copy(folder / "encoder.safetensors", encoder)
    files = ("--bags", folder / "bags", "--rig", RIG_FILE, "--encoder", encoder, "--out", tmp_path / "p")
    store = ("--store", tmp_path / "store")
    words = [*map(str, (*files, *store)), "--steps", "1000", "--batch-size", "4", "--threads", "1", "--save-every", "1"]
    process = subprocess.Popen([sys.executable, "-m", "aloe_policy.ros.train", *words], env=dict(os.environ))
    while not state_file(tmp_path / "p").exists():
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    process.wait(60)
    with safe_open(encoder, "pt") as file:
        metadata, weights = file.metadata(), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    save_file({name: 1.01 * tensor for name, tensor in weights.items()}, encoder, metadata)
    done = run("aloe_policy.ros.train", *words, "--resume", check=False)
    assert done.returncode != 0 and "Traceback" not in done.stderr
    assert "was trained with other choices: data.features was" in done.stderr
