"""Bags that end while a critic is trained join the training; those that were in keep their side."""

import dataclasses
import shutil

import critic_store as made
import numpy as np
import pytest
import torch
from critic_store import LEARNING, NETWORK

from aloe_critic.ros.critic_training import CriticTraining, TrainCriticConfig
from aloe_critic.ros.critic_watch import Watch
from aloe_data.config import ConfigError
from aloe_data.episode_store import EpisodeStore
from aloe_data.seeds import HELD_OUT
from aloe_data.stored_features import open_features
from aloe_policy.ros import policy_store
from aloe_policy.training_state import load_state, state_file

FIRST = ("success", "failure", "success", "failure")


@pytest.fixture
def folder(tmp_path, policy, monkeypatch):
    """A folder of bags, of which `ingest` makes episodes; and the configuration to watch it."""

    def ingest(config, encoders):
        assert config.closed
        store = EpisodeStore(config.store, made.RIG, made.SIZE)
        features = open_features(store, encoders[0].spec)
        for bag in sorted(file.parent for file in config.bags.glob("*/metadata.yaml")):
            if bag.name not in store.bags:
                number = int(bag.name)
                made.store_episode(store, features, bag, number, FIRST[number % 4], content=bag.name)
        return store, (features,)

    monkeypatch.setattr(policy_store, "ingest", ingest)
    for number in range(4):
        record(tmp_path / "bags", number)
    return TrainCriticConfig(
        rig=made.RIG_FILE, policy=policy[0], out=tmp_path / "critic", bags=str(tmp_path / "bags"), n_action_steps=5,
        evaluate_every=3, save_every=2, watch_s=1e-6,
    )  # fmt: skip


def record(bags, number, ended=True):
    bag = bags / f"{number:04d}"
    bag.mkdir(parents=True, exist_ok=True)
    (bag / f"{number:04d}_0.mcap").touch()
    if ended:
        (bag / "metadata.yaml").touch()
    return str(bag)


def test_bags_join_once_their_recording_has_ended_and_are_resumed_with(folder, capsys):
    training, amounts = CriticTraining(folder, NETWORK, LEARNING), []
    before = training.data.split

    def report(step, metrics):
        amounts.append(len(training.data.train))
        if step == 2:
            for number in range(4, 8):
                record(training.config.store_folder.with_name("bags"), number, ended=number < 7)

    assert training.run(report, lambda: False) is not None
    assert amounts[2] == amounts[0] < amounts[3] == amounts[-1]
    assert "3 episodes joined: " in capsys.readouterr().out
    after = training.data.split
    assert len(after.all) == 7 and after.all > before.all
    assert set(after.learned) >= set(before.learned) and set(after.measured) >= set(before.measured)
    cursor = load_state(state_file(folder.out))["cursor"]
    assert (cursor["learned"], cursor["measured"]) == (after.learned, after.measured)


@pytest.mark.parametrize("with_store", [True, False], ids=["with its store", "with its bags alone"])
def test_a_training_that_was_copied_goes_on_as_it_would_have(folder, tmp_path, with_store):
    stopped = CriticTraining(folder, NETWORK, LEARNING)
    assert stopped.run(lambda *_: None, lambda: stopped.learner.steps_done == 2) is None
    copy = tmp_path / "copy"
    for name in ("bags", "critic_training", *(["bags_store"] if with_store else [])):
        shutil.copytree(tmp_path / name, copy / name)
    there = dataclasses.replace(folder, resume=True, out=copy / "critic", bags=str(copy / "bags"))
    weights = []
    for config in (dataclasses.replace(folder, resume=True), there):
        training = CriticTraining(config, NETWORK, LEARNING)
        assert training.data.split.learned == stopped.data.split.learned
        assert training.run(lambda *_: None, lambda: False) is not None
        weights.append([p.detach().clone() for p in training.learner.critic.parameters()])
        shutil.rmtree(tmp_path / "bags", ignore_errors=True)
    assert all(torch.equal(one, other) for one, other in zip(*weights, strict=True))


def test_a_bag_that_a_training_had_and_that_is_gone_is_named_as_its_folder_was(folder):
    stopped = CriticTraining(folder, NETWORK, LEARNING)
    assert stopped.run(lambda *_: None, lambda: stopped.learner.steps_done == 2) is None
    shutil.rmtree(folder.store_folder)
    shutil.rmtree(folder.store_folder.with_name("bags") / "0001")
    with pytest.raises(ConfigError, match="lacks 0001, which the training had"):
        CriticTraining(dataclasses.replace(folder, resume=True), NETWORK, LEARNING)


def test_a_training_goes_on_although_longer_episodes_have_joined_it(folder, monkeypatch):
    training = CriticTraining(folder, NETWORK, LEARNING)
    assert training.run(lambda *_: None, lambda: training.learner.steps_done == 2) is None
    monkeypatch.setattr(made, "LENGTH", 3 * made.LENGTH)
    for number in range(4, 10):
        record(folder.store_folder.with_name("bags"), number)
    assert training.run(lambda *_: None, lambda: training.learner.steps_done == 4) is None
    resumed = CriticTraining(dataclasses.replace(folder, resume=True), NETWORK, LEARNING)
    assert resumed.data.train.reward == training.data.train.reward
    assert len(resumed.data.split.all) == 10
    assert resumed.run(lambda *_: None, lambda: False) is not None


def test_what_was_drawn_of_the_policy_is_not_taken_for_other_states_of_a_store_that_was_made_anew(
    folder, monkeypatch, capsys
):
    training = CriticTraining(folder, NETWORK, LEARNING)
    assert training.run(lambda *_: None, lambda: training.learner.steps_done == 2) is None
    drawn = CriticTraining(dataclasses.replace(folder, resume=True), NETWORK, LEARNING).learner.bootstrap
    assert (drawn.state_dict()["drawn"] >= 0).any()
    shutil.rmtree(folder.store_folder)
    monkeypatch.setattr(made, "LENGTH", made.LENGTH + 10)
    again = CriticTraining(dataclasses.replace(folder, resume=True), NETWORK, LEARNING).learner.bootstrap
    assert (again.state_dict()["drawn"] < 0).all()
    assert "the policy's chunks are drawn anew" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({}, "start.policy was"),
        ({"stride": 7}, "chunks.stride was 5, is 7"),
        ({"n_action_steps": 10}, "chunks.n_action_steps was 5, is 10"),
    ],
)
def test_a_training_does_not_go_on_for_another_policy_or_other_chunks(folder, tmp_path, change, says):
    training = CriticTraining(folder, NETWORK, LEARNING)
    assert training.run(lambda *_: None, lambda: training.learner.steps_done == 2) is None
    if not change:
        change = {"policy": made.write_policy(tmp_path / "other", flow_steps=3)}
    with pytest.raises(ConfigError, match=says):
        CriticTraining(dataclasses.replace(folder, resume=True, **change), NETWORK, LEARNING)


def test_a_scene_that_is_kept_for_measuring_does_not_join(folder, monkeypatch):
    training = CriticTraining(folder, NETWORK, LEARNING)
    whole = made.episode

    def measured(number, verdict, **human):
        facts = dataclasses.replace((episode := whole(number, verdict, **human)).facts, seed=HELD_OUT.start)
        return dataclasses.replace(episode, facts=facts)

    monkeypatch.setattr(made, "episode", measured)
    record(folder.store_folder.with_name("bags"), 4)
    with pytest.raises(ConfigError, match="900000"):
        training.run(lambda *_: None, lambda: False)


def test_what_was_drawn_for_the_old_chunks_stays_when_others_join(folder):
    training = CriticTraining(folder, NETWORK, LEARNING)
    learner, rows = training.learner, training.data.train.rows
    training.run(lambda *_: None, lambda: learner.steps_done == 4)
    kept = learner.bootstrap.state_dict()
    learner.bootstrap.extend(np.arange(10_000))
    grown = learner.bootstrap.state_dict()
    assert (kept["drawn"] >= 0).any()
    assert (grown["drawn"][rows] == kept["drawn"]).all() and (grown["chunks"][rows] == kept["chunks"]).all()


def test_the_folder_is_looked_at_no_more_often_than_asked(folder):
    training, now_s = CriticTraining(folder, NETWORK, LEARNING), [0.0]
    watch = Watch(dataclasses.replace(folder, watch_s=30.0), training.readers, 0, training.data, lambda: now_s[0])
    assert watch.check() is None
    record(folder.store_folder.with_name("bags"), 4)
    now_s[0] = 29.0
    assert watch.check() is None
    now_s[0] = 30.0
    assert len(watch.check().split.all) == 5
