"""learner_node trains and says how it goes, saves its state when told to end, and leaves a critic when it is done."""

import dataclasses
import threading
from types import SimpleNamespace

import pytest
import rclpy
from critic_store import LEARNING, NETWORK, RIG
from rclpy.parameter import Parameter

from aloe_critic.checkpoint import load_critic
from aloe_critic.ros import learner_node
from aloe_data.config import ConfigError
from aloe_policy.training_state import load_state, state_file


@pytest.fixture
def make(setting):
    """A node with the training's parameters, and what it says on /diagnostics."""
    context = rclpy.Context()
    rclpy.init(context=context, domain_id=81)
    nodes = []

    def made(**changes):
        known = {field.name for field in dataclasses.fields(learner_node.LearnerNodeConfig)}
        given = {k: v for part in (setting, NETWORK, LEARNING) for k, v in vars(part).items() if k in known}
        given = {**given, "save_every": 10_000, **changes}
        values = {k: v if isinstance(v, bool | int | float | str) else str(v) for k, v in given.items()}
        overrides = [Parameter(name, value=value) for name, value in values.items()]
        nodes.append(learner_node.LearnerNode(context=context, parameter_overrides=overrides))
        said = []
        nodes[-1]._diagnostics = SimpleNamespace(publish=lambda message: said.append(message.status[0]))
        return nodes[-1], said

    yield made
    for node in nodes:
        node.finish()
        node.destroy_node()
    context.shutdown()


def test_it_says_how_it_goes_and_saves_its_state_when_told_to_end(make, setting, monkeypatch):
    trained, note = threading.Event(), learner_node.LearnerNode._note

    def noting(node, step, metrics):
        note(node, step, metrics)
        if step > 0:
            trained.set()

    monkeypatch.setattr(learner_node.LearnerNode, "_note", noting)
    node, said = make(steps=100_000)
    assert trained.wait(30.0)
    node.finish()
    values = {pair.key: pair.value for pair in said[-1].values}
    step = load_state(state_file(setting.out))["learner"]["steps_done"]
    assert said[-1].name == "learner_node: critic" and said[-1].message == "ok"
    assert int(values["step"]) == step > 0 and values["episodes"] == "4"
    assert {"loss", "health/rank_auc", "steps_per_s"} <= values.keys()
    resumed, _ = make(steps=100_000, resume=True)
    assert resumed._before[0] == step


def test_after_the_last_step_it_leaves_a_critic_and_ends_itself(make, setting, monkeypatch):
    ended = threading.Event()
    monkeypatch.setattr(learner_node.os, "kill", lambda pid, number: ended.set())
    node, said = make(steps=2)
    assert ended.wait(30.0)
    node.finish()
    assert node.error is None and not load_critic(setting.out, RIG).config["passed"]
    assert "the critic " in said[-1].message


def test_what_goes_wrong_is_said_and_ends_it(make, monkeypatch):
    ended = threading.Event()
    monkeypatch.setattr(learner_node.os, "kill", lambda pid, number: ended.set())
    monkeypatch.setattr(learner_node.CriticTraining, "run", lambda *_: (_ for _ in ()).throw(RuntimeError("diverged")))
    node, said = make()
    assert ended.wait(30.0)
    node.finish()
    assert said[-1].message == str(node.error) == "diverged"


def test_bad_input_ends_it_before_it_began(make):
    with pytest.raises(ConfigError, match="unknown parameter 'stepz'; did you mean 'steps'"):
        make(stepz=3)
    with pytest.raises(ConfigError, match="no store of episodes"):
        make(store="nowhere")
