"""The command: what it leaves behind, that being killed changes nothing, and what it refuses at the start."""

import dataclasses
import os
import signal
from multiprocessing import get_context
from pathlib import Path

import critic_store as made
import numpy as np
import pytest
import torch
from critic_store import LEARNING, NETWORK, Grid

from aloe_critic import training
from aloe_critic.checkpoint import CheckpointError, load_critic
from aloe_critic.critic_encoder import critic_encoder
from aloe_critic.critic_state import State
from aloe_critic.health import Gates
from aloe_critic.losses import value
from aloe_critic.parallel import Parallel
from aloe_critic.ros import critic_training
from aloe_critic.ros.critic_training import CriticTraining
from aloe_critic.ros.train_critic import train_critic
from aloe_critic.scorer import AskConfig, load_scorer
from aloe_critic.scoring import score
from aloe_data.config import ConfigError
from aloe_data.episode_index import StoreError
from aloe_data.episode_store import EpisodeStore
from aloe_data.stored_features import open_features
from aloe_policy.backend import trainable_policy
from aloe_policy.encoders import registry
from aloe_policy.encoders.pixels import PixelEncoder
from aloe_policy.ros import policy_store
from aloe_policy.tiny.policy import TinyPolicy
from aloe_policy.training_state import load_state, save_state, state_file


def run(setting, learning=LEARNING, **changes):
    return train_critic(dataclasses.replace(setting, **changes), NETWORK, learning, Gates())


def test_it_leaves_a_critic_a_picture_logs_and_a_judgement(setting, capsys):
    judgement = run(setting)
    said = capsys.readouterr().out
    assert "NOT fit for improving policies" in said and not judgement.passed
    assert "reaches 60 ticks" in said  # the discount is matched to the episodes
    assert "bad ones; few ends: take its health as a hint)" in said
    critic = load_critic(setting.out, made.RIG)
    assert critic.config["judgement"] == list(judgement.sentences) and not critic.config["passed"]
    assert (setting.out / "health.png").stat().st_size > 10_000
    assert list((setting.out.parent / "critic_logs").iterdir())
    low, high = critic.config["bounds"]
    assert critic.support[0] < low and critic.support[-1] > high
    assert critic.network.sizes.n_action_steps == 5


def test_the_critic_on_disk_says_what_the_trained_one_said(setting, monkeypatch):
    seen = {}
    real = critic_training.save_critic
    monkeypatch.setattr(critic_training, "save_critic", lambda *a: (seen.update(network=a[1]), real(*a))[1])
    run(setting)
    critic, network = load_critic(setting.out, made.RIG), seen["network"].eval()
    sizes = network.sizes
    s = State(
        torch.rand(4, sizes.views, sizes.tokens, sizes.token_width),
        torch.ones(4, 32, dtype=torch.long),
        torch.rand(4, sizes.state_dim),
    )
    actions = torch.rand(4, 5, sizes.action_dim)
    torch.testing.assert_close(critic.network(s, actions), network(s, actions))
    assert value(critic.network(s, actions), critic.support).shape == (2, 4)


def test_killed_and_resumed_it_ends_at_the_same_bits(setting, monkeypatch):
    run(setting)
    whole = load_state(state_file(setting.out))["learner"]
    other = dataclasses.replace(setting, out=setting.out.with_name("other"))
    calls = []

    def score_or_die(*arguments):
        calls.append(arguments)
        if len(calls) == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        return score(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(training, "score", score_or_die)
        process = get_context("fork").Process(target=run, args=(other,))
        process.start()
        process.join()
    assert process.exitcode == -signal.SIGKILL
    assert load_state(state_file(other.out))["learner"]["steps_done"] == 4
    torch.manual_seed(99)
    run(other, resume=True)
    resumed = load_state(state_file(other.out))["learner"]
    for part in ("critic", "target"):
        for name, tensor in whole[part].items():
            assert torch.equal(tensor, resumed[part][name]), name


def test_interrupted_it_saves_its_state_where_it_stands(setting, monkeypatch, capsys):
    def score_and_interrupt(*arguments):
        os.kill(os.getpid(), signal.SIGINT)
        return score(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(training, "score", score_and_interrupt)
        assert run(setting) is None
    assert "stopped at step 0; go on with --resume" in capsys.readouterr().out
    assert run(setting, resume=True) is not None


def test_the_policys_own_encoder_is_used_where_none_is_given(setting):
    assert run(setting, encoder="") is not None


def test_episodes_that_came_after_a_stop_are_not_in_what_is_resumed(setting):
    stopped = CriticTraining(setting, NETWORK, LEARNING)
    assert stopped.run(lambda *_: None, lambda: stopped.learner.steps_done == 2) is None
    made.write_store(Path(setting.store), setting.out.with_name("more"), made.encoder_hash(Path(setting.encoder)))
    resumed = CriticTraining(dataclasses.replace(setting, resume=True), NETWORK, LEARNING)
    assert resumed.data.split == stopped.data.split and len(resumed.data.split.all) == 6
    afresh = CriticTraining(dataclasses.replace(setting, out=setting.out.with_name("other")), NETWORK, LEARNING)
    assert len(afresh.data.split.all) == 12


def test_a_training_is_neither_overwritten_nor_resumed_with_other_choices(setting):
    run(setting)
    with pytest.raises(ConfigError, match="go on with --resume"):
        run(setting)
    with pytest.raises(ConfigError, match=r"learning\.tau was 0\.02, is 0\.1"):
        run(setting, dataclasses.replace(LEARNING, tau=0.1), resume=True)
    with pytest.raises(CheckpointError, match="start anew without --resume"):
        run(setting, out=setting.out.with_name("nothing"), resume=True)


def refill(setting, verdicts, name, **options):
    store = setting.out.with_name(name)
    made.write_store(
        store, setting.out.with_name("bags"), made.encoder_hash(Path(setting.encoder)), verdicts, **options
    )
    return str(store)


@pytest.mark.parametrize(
    ("verdicts", "says"),
    [
        (("success",) * 4, "no failures and no takeovers"),
        (("failure",) * 4, "no successes"),
        (("timeout",) * 4, "no episode with a verdict"),
        (("success", "success"), "one segment only"),
    ],
)
def test_data_that_cannot_tell_good_from_bad_are_refused(setting, verdicts, says):
    with pytest.raises(ConfigError, match=says):
        run(setting, store=refill(setting, verdicts, "few"))


def test_one_episode_leaves_nothing_to_measure_with(setting):
    with pytest.raises(ConfigError, match="at least 2 with the same verdict"):
        run(setting, store=refill(setting, ("success",), "one"))


def test_features_or_an_encoder_of_another_policy_are_refused(setting, tmp_path):
    other = made.write_encoder(tmp_path / "other.safetensors", seed=1)
    with pytest.raises(ConfigError, match="not the encoder inside"):
        run(setting, encoder=str(other))
    store = tmp_path / "foreign"
    made.write_store(store, tmp_path / "bags", made.encoder_hash(other))
    with pytest.raises(ConfigError, match="holds features of the encoders"):
        run(setting, store=str(store))


@pytest.fixture
def grid(monkeypatch):
    """A frozen encoder without names, by the name "grid"."""
    entry = registry.Entry(lambda *_: Grid(), lambda *_: Grid())
    monkeypatch.setattr(registry, "ENCODERS", {**registry.ENCODERS, "grid": entry})
    return Grid()


def test_a_critic_learns_through_an_encoder_of_its_own_and_carries_it(setting, grid, tmp_path):
    with pytest.raises(ConfigError, match=r"holds features of the encoder.*give --bags"):
        run(setting, critic_encoder="grid")
    made.write_features(Path(setting.store), grid.spec)
    run(setting, critic_encoder="grid")
    critic = load_critic(setting.out, made.RIG)
    assert critic.encoder.spec == grid.spec
    assert (critic.network.sizes.tokens, critic.network.sizes.token_width, critic.network.sizes.names) == (4, 3, ())
    scorer = load_scorer(setting.out, setting.policy, made.RIG, AskConfig(samples=2, force=True))
    training = CriticTraining(
        dataclasses.replace(setting, critic_encoder="grid", out=tmp_path / "again"), NETWORK, LEARNING
    )
    batch = training._batches[1].at(np.arange(3))
    judged = scorer.judge(batch.state, batch.actions[None])
    assert judged.shape == (1, 3) and judged.isfinite().all()
    with pytest.raises(ConfigError, match=r"start\.encoder was"):
        run(setting, resume=True)


def test_the_encoder_of_the_critic_is_the_policys_where_that_is_frozen(setting, grid, monkeypatch):
    policy = trainable_policy(setting.policy, made.RIG)
    for chosen in ("", "policy"):
        assert critic_encoder(chosen, policy, "cpu") is policy.frame_encoder
    with pytest.raises(ConfigError, match="unknown encoder 'grit'; did you mean 'grid'"):
        critic_encoder("grit", policy, "cpu")
    policy.frame_encoder = PixelEncoder(made.SIZE)
    monkeypatch.setattr("aloe_critic.critic_encoder.WITHOUT_LABELS", "grid")
    assert critic_encoder("", policy, "cpu").spec == grid.spec
    with pytest.raises(ConfigError, match=r"this policy trains its encoder, .* give --critic-encoder grid"):
        critic_encoder("policy", policy, "cpu")


def test_a_training_of_a_former_version_is_not_gone_on_with(setting):
    run(setting)
    state = load_state(state_file(setting.out))
    del state["choices"]["start"]["encoder"]
    save_state(state_file(setting.out), state)
    with pytest.raises(ConfigError, match="was begun by a former version"):
        run(setting, resume=True)


def test_a_policy_that_always_gives_the_same_chunk_needs_no_spread_over_its_proposals(setting, monkeypatch):
    monkeypatch.setattr(TinyPolicy, "stochastic", False)
    training = CriticTraining(setting, NETWORK, LEARNING)
    outcome = training.run(lambda *_: None, lambda: False)
    assert training.learner.bootstrap.samples == 1 and outcome.scores.samples.shape[0] == 1
    assert not any("hardly" in sentence for sentence in training.write(outcome, Gates()).sentences)


def test_a_missing_policy_and_another_rig_are_said(setting, tmp_path):
    with pytest.raises(CheckpointError, match="no such folder"):
        run(setting, policy=tmp_path / "nowhere")
    text = made.RIG_FILE.read_text().replace("sim_bimanual", "elsewhere")
    text = text.replace("sim_arm.urdf", str(made.RIG_FILE.with_name("sim_arm.urdf")))
    rig = tmp_path / "rig.yaml"
    rig.write_text(text)
    with pytest.raises((StoreError, CheckpointError), match="rig"):
        run(setting, rig=rig)


def test_neither_bags_nor_a_store_is_said(setting):
    with pytest.raises(ConfigError, match="--bags, --store or both"):
        run(setting, store="")
    with pytest.raises(ConfigError, match="no store of episodes; give --bags"):
        run(setting, store=str(setting.out.with_name("empty")))


def test_chunks_longer_than_the_policys_are_refused(setting):
    with pytest.raises(ConfigError, match="longer than the policy's chunks of 20"):
        run(setting, n_action_steps=25)


def test_scenes_that_are_kept_for_measuring_are_refused(setting, monkeypatch):
    monkeypatch.setattr("aloe_data.seeds.HELD_OUT", range(3, 5))
    with pytest.raises(ConfigError, match="scene seed 3 is held out of training"):
        run(setting)


def test_bags_of_which_none_can_be_used_are_said(setting, monkeypatch):
    def nothing_new(config, encoders):
        store = EpisodeStore(config.store, made.RIG, made.SIZE)
        return store, tuple(open_features(store, encoder.spec) for encoder in encoders)

    monkeypatch.setattr(policy_store, "ingest", nothing_new)
    with pytest.raises(ConfigError, match="holds no episode; if bags were left out, the reasons stand above"):
        run(setting, bags="bags", store=str(setting.out.with_name("new")))


def test_a_store_without_the_episodes_that_were_learned_from_is_refused(setting):
    run(setting)
    with pytest.raises(ConfigError, match="lacks ep_0004, ep_0005, which the training had"):
        run(setting, resume=True, store=refill(setting, made.VERDICTS[:4], "fewer"))


def test_several_processes_need_a_batch_that_divides_and_a_folder_that_stays(setting):
    three = Parallel()
    three.count = 3
    with pytest.raises(ConfigError, match="batch_size 16 does not divide among 3 processes"):
        train_critic(setting, NETWORK, LEARNING, Gates(), three)
    learning = dataclasses.replace(LEARNING, batch_size=15)
    with pytest.raises(ConfigError, match="watch_s needs one process"):
        train_critic(dataclasses.replace(setting, watch_s=1.0), NETWORK, learning, Gates(), three)


def test_watching_needs_bags(setting):
    with pytest.raises(ConfigError, match="give --bags as well"):
        run(setting, watch_s=1.0)
