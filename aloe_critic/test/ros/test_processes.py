"""Two processes that `torchrun` starts train the critic that one process trains; one that dies ends the run."""

import dataclasses
import os
import shutil
import subprocess
import sys
from pathlib import Path

import critic_store as made
import pytest
import torch

from aloe_critic.critic_config import LearningOptions
from aloe_critic.networks import NetworkOptions
from aloe_critic.ros.critic_training import CriticTraining
from aloe_policy.training_state import load_state, state_file

NETWORK = dataclasses.replace(made.NETWORK, dropout=0.0)  # each process draws its own
LEARNING = dataclasses.replace(made.LEARNING, steps=1000, learning_rate=1e-3)
WORKER = Path(made.__file__).with_name("critic_worker.py")


def in_one(setting, until, **changes):
    """Train in this process up to a step; returns the losses and the critic."""
    training, losses = CriticTraining(dataclasses.replace(setting, **changes), NETWORK, LEARNING), []
    training.run(lambda _, m: losses.append(m.get("loss")), lambda: training.learner.steps_done == until)
    return losses[1:], training.learner.critic  # the first report is of health alone


def in_two(setting, deadly, losses):
    """Go on in two processes, until one dies; returns what they said."""
    options = {field.name for part in (NetworkOptions, LearningOptions) for field in dataclasses.fields(part)}
    chosen = dataclasses.asdict(NETWORK) | dataclasses.asdict(LEARNING)
    given = dataclasses.asdict(setting) | {k: v for k, v in chosen.items() if k in options}
    words = [f"--{k.replace('_', '-')}={v}" for k, v in given.items() if not isinstance(v, bool) and v != ""]
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", str(WORKER)]
    environment = os.environ | {"DEADLY": str(deadly), "LOSSES": str(losses)}
    done = subprocess.run([*torchrun, *words, "--resume"], env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode != 0
    return done.stdout + done.stderr


def test_two_go_on_where_one_stopped_and_one_goes_on_where_one_of_them_died(setting, tmp_path):
    in_one(setting, until=2)
    shared = dataclasses.replace(setting, out=tmp_path / "shared")
    shutil.copytree(state_file(setting.out).parent, state_file(shared.out).parent)
    said = in_two(shared, deadly=8, losses=tmp_path / "losses")
    assert "SIGKILL" in said and "process 0 ends with the others; go on from" in said, said

    expected, critic = in_one(setting, until=7, resume=True)
    theirs = [float(line) for line in (tmp_path / "losses").read_text().split()]
    assert theirs == pytest.approx(expected, rel=1e-4)
    state = load_state(state_file(shared.out))
    assert state["learner"]["steps_done"] == 6
    more, again = in_one(shared, until=7, resume=True)
    assert more == pytest.approx(expected[-1:], rel=1e-4)
    for one, other in zip(again.parameters(), critic.parameters(), strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-3)
