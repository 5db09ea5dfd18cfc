"""The commands: what `improve` and `train` leave behind, that being killed changes nothing, and what they refuse."""

import dataclasses
import os
import signal
from multiprocessing import get_context

import critic_store as made
import numpy as np
import pytest
import torch

pytest.importorskip("rclpy")
pytest.importorskip("aloe_msgs.msg")

from aloe_data.config import ConfigError
from aloe_data.episode_index import StoreError
from aloe_data.episode_store import EpisodeStore
from aloe_data.sources import SOURCES
from aloe_data.stored_features import open_features
from aloe_policy.advantage_condition import GOOD, ConditionConfig
from aloe_policy.backend import load_policy
from aloe_policy.checkpoint import CheckpointError, read_checkpoint
from aloe_policy.encoders.registry import load_encoder
from aloe_policy.improvement_weights import META, Weights, load_weights, save_weights, store_mark
from aloe_policy.learner import ActorLearner, LearnerConfig
from aloe_policy.ros import train as training
from aloe_policy.ros.improve import ImproveConfig, improve
from aloe_policy.tiny.kind import TinyOptions
from aloe_policy.training import CollapseError
from aloe_policy.training_state import load_state, state_file

LEARNING = LearnerConfig(steps=6, batch_size=8, learning_rate=1e-3)


@pytest.fixture(scope="module")
def policy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("policy")
    return made.write_policy(folder / "policy"), made.write_encoder(folder / "encoder.safetensors")


@pytest.fixture
def setting(policy, tmp_path):
    """A store, weights of every fifth row of its episodes, and the configuration to learn from them."""
    checkpoint, encoder = policy
    made.write_store(tmp_path / "store", tmp_path / "bags", load_encoder(encoder, made.SIZE).spec.hash)
    store = EpisodeStore(tmp_path / "store", made.RIG, made.SIZE)
    row = np.concatenate([e.first_tick + np.arange(0, e.ticks, 5) for e in store.episodes])
    success = np.repeat([e.verdict == "success" for e in store.episodes], made.LENGTH // 5)
    meta = dict.fromkeys(META, "") | {
        "method": "filtered_bc",
        "policy": load_policy(checkpoint, made.RIG).version,
        "encoder": load_encoder(encoder, made.SIZE).spec.hash,
        "store": store_mark(store.episodes),
        "statistics": {"effective_sample_size": 0.5, "clipped": 0.1, "share": dict.fromkeys(SOURCES, 1 / 3)},
    }
    save_weights(
        tmp_path / "weights.npz",
        Weights(row, row // 60 * 60 + 60, success, np.full(len(row), np.nan), 0 * row, success, meta),
    )
    return ImproveConfig(
        rig=made.RIG_FILE, policy=checkpoint, store=str(tmp_path / "store"), weights=tmp_path / "weights.npz",
        out=tmp_path / "better", evaluate_every=3, save_every=2,
    )  # fmt: skip


def run(setting, learning=LEARNING, conditioning=None, **changes):
    return improve(dataclasses.replace(setting, **changes), learning, conditioning)


def test_it_leaves_a_policy_that_sees_the_world_as_before_and_says_where_it_came_from(setting, capsys):
    version = run(setting)
    before, after = (load_policy(path, made.RIG) for path in (setting.policy, setting.out))
    assert after.version == version != before.version
    for name, array in vars(before.normaliser).items():
        np.testing.assert_array_equal(getattr(after.normaliser, name), array)
    for name, tensor in before.frame_encoder.network.state_dict().items():
        assert torch.equal(tensor, after.frame_encoder.network.state_dict()[name])
    assert not torch.equal(before.model.action_in.weight, after.model.action_in.weight)
    assert after.num_steps == before.num_steps and after.feature_spec == before.feature_spec
    facts = read_checkpoint(setting.out).config["training"]
    assert facts["improved_from"] == before.version and facts["statistics"]["effective_sample_size"] == 0.5
    card = (setting.out / "README.md").read_text()
    assert before.version[:12] in card and "effective sample size 0.50, 10% at the clip" in card
    assert "filtered_bc: 36 of 72 chunks" in capsys.readouterr().out
    assert list((setting.out.parent / "better_logs").iterdir())


def test_killed_and_resumed_it_ends_at_the_same_bits(setting, monkeypatch):
    run(setting)
    other = dataclasses.replace(setting, out=setting.out.with_name("other"))
    step = ActorLearner.step

    def step_or_die(learner, batch):
        if learner.steps_done == 5:
            os.kill(os.getpid(), signal.SIGKILL)
        return step(learner, batch)

    with monkeypatch.context() as patch:
        patch.setattr(ActorLearner, "step", step_or_die)
        process = get_context("fork").Process(target=run, args=(other,))
        process.start()
        process.join()
    assert process.exitcode == -signal.SIGKILL and not other.out.exists()
    assert load_state(state_file(other.out))["learner"]["steps_done"] == 4
    torch.manual_seed(99)
    run(other, resume=True)
    whole, resumed = (read_checkpoint(path).weights for path in (setting.out, other.out))
    assert all(torch.equal(tensor, resumed[name]) for name, tensor in whole.items())


def test_interrupted_it_saves_its_state_where_it_stands(setting, monkeypatch, capsys):
    step = ActorLearner.step

    def step_and_interrupt(learner, batch):
        os.kill(os.getpid(), signal.SIGTERM)
        return step(learner, batch)

    with monkeypatch.context() as patch:
        patch.setattr(ActorLearner, "step", step_and_interrupt)
        assert run(setting) is None
    assert "stopped at step 1; go on with --resume" in capsys.readouterr().out
    assert run(setting, resume=True)


def test_told_what_is_good_it_ends_at_the_same_bits_and_says_what_it_is_to_be_asked_for(setting, monkeypatch):
    given = load_weights(setting.weights)
    told = setting.weights.with_name("told.npz")
    save_weights(told, dataclasses.replace(given, weight=np.ones(len(given)), good=given.success))
    setting, how = dataclasses.replace(setting, weights=told), ConditionConfig(guidance=1.5)
    run(setting, conditioning=how)
    other, step = dataclasses.replace(setting, out=setting.out.with_name("other")), ActorLearner.step

    def step_and_interrupt(learner, batch):
        if learner.steps_done == 2:
            os.kill(os.getpid(), signal.SIGTERM)
        return step(learner, batch)

    with monkeypatch.context() as patch:
        patch.setattr(ActorLearner, "step", step_and_interrupt)
        assert run(other, conditioning=how) is None
    with pytest.raises(ConfigError, match=r"condition\.guidance was 1\.5, is 1\.0"):
        run(other, resume=True)
    run(other, resume=True, conditioning=how)
    whole, resumed = (read_checkpoint(path) for path in (setting.out, other.out))
    assert all(torch.equal(tensor, resumed.weights[name]) for name, tensor in whole.weights.items())
    assert whole.config["condition"] == {"word": GOOD, "guidance": 1.5, "dropout": how.condition_dropout}
    assert whole.config["training"]["condition"]["condition_dropout"] == how.condition_dropout
    again = dataclasses.replace(
        setting, policy=setting.out, weights=setting.weights.with_name("weights.npz"), out=setting.out / "again"
    )
    run(again, other_policy=True)
    assert read_checkpoint(again.out).config["condition"]["guidance"] == 1.0


def test_a_policy_that_forgets_is_not_written(setting):
    with pytest.raises(CollapseError, match="times that at the start"):
        run(setting, dataclasses.replace(LEARNING, learning_rate=1.0, ema=0.0, max_rise=1.0))
    assert not setting.out.exists()


def test_what_is_there_is_neither_written_over_nor_resumed_with_other_choices(setting, tmp_path):
    run(setting)
    with pytest.raises(ConfigError, match="go on with --resume"):
        run(setting)
    with pytest.raises(ConfigError, match=r"learner\.ema was 0\.998, is 0\.5"):
        run(setting, dataclasses.replace(LEARNING, ema=0.5), resume=True)
    with pytest.raises(ConfigError, match="is there already and is not written over"):
        run(setting, out=setting.policy)
    with pytest.raises(CheckpointError, match="start anew without --resume"):
        run(setting, out=tmp_path / "nothing", resume=True)


def test_another_rig_and_features_of_another_encoder_are_refused(setting, tmp_path):
    text = made.RIG_FILE.read_text().replace("sim_arm.urdf", str(made.RIG_FILE.with_name("sim_arm.urdf")))
    (tmp_path / "rig.yaml").write_text(text.replace("ee_pose", "joint_position"))
    with pytest.raises(CheckpointError, match="action_space"):
        run(setting, rig=tmp_path / "rig.yaml")
    (tmp_path / "rig.yaml").write_text(text.replace("sim_bimanual", "elsewhere"))
    with pytest.raises(StoreError, match="rig is 'sim_bimanual', not 'elsewhere'"):
        run(setting, rig=tmp_path / "rig.yaml")
    made.write_store(tmp_path / "foreign", tmp_path / "bags", "hash")
    with pytest.raises(ConfigError, match="holds features of the encoders hash"):
        run(setting, store=str(tmp_path / "foreign"))


def test_training_from_nothing_stops_and_goes_on_alike(setting, policy, monkeypatch):
    def stored(config, encoders):
        store = EpisodeStore(config.store, made.RIG, made.SIZE)
        return store, tuple(open_features(store, encoder.spec) for encoder in encoders)

    monkeypatch.setattr(training, "ingest", stored)
    config = training.TrainConfig(
        bags=setting.out.with_name("bags"), rig=made.RIG_FILE, out=setting.out, save_every=1, store=setting.store
    )
    options = TinyOptions(encoder=policy[1], image_width=made.SIZE[1], image_height=made.SIZE[0])
    learning, step = dataclasses.replace(LEARNING, steps=2, batch_size=2), ActorLearner.step
    other = dataclasses.replace(config, out=config.out.with_name("other"))
    assert training.train(config, learning, options)

    def step_and_interrupt(learner, batch):
        os.kill(os.getpid(), signal.SIGINT)
        return step(learner, batch)

    with monkeypatch.context() as patch:
        patch.setattr(ActorLearner, "step", step_and_interrupt)
        assert training.train(other, learning, options) is None
    assert training.train(dataclasses.replace(other, resume=True), learning, options)
    whole, resumed = (read_checkpoint(path).weights for path in (config.out, other.out))
    assert all(torch.equal(tensor, resumed[name]) for name, tensor in whole.items())
    assert load_policy(config.out, made.RIG).action_horizon == 50
