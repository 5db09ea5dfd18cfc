"""The command: what every method leaves in its file, and what it refuses before anything is computed."""

import dataclasses

import critic_made as made
import critic_store as stored
import numpy as np
import pytest

from aloe_critic.ros.critic_training import CriticTraining
from aloe_critic.ros.weigh import METHODS, Choices, WeighConfig, weigh
from aloe_critic.scorer import AskConfig
from aloe_critic.state_value import ValueConfig
from aloe_critic.weights import Labels, WeightConfig, by_advantage
from aloe_data.config import ConfigError
from aloe_data.sources import AUTONOMOUS, BY_HUMAN
from aloe_policy.checkpoint import CheckpointError
from aloe_policy.improvement_weights import load_weights
from aloe_policy.tiny.policy import TinyPolicy

CHOICES = Choices(ask=AskConfig(samples=2), value=ValueConfig(folds=2, value_steps=2, value_batch_size=8))


@pytest.fixture(scope="module")
def critic(policy, tmp_path_factory):
    return made.write_critic(tmp_path_factory.mktemp("critic") / "critic", policy[0])


@pytest.fixture
def to_weigh(policy, critic, tmp_path):
    checkpoint, encoder = policy
    stored.write_store(tmp_path / "store", tmp_path / "bags", stored.encoder_hash(encoder), human_from=30)
    return WeighConfig(
        rig=stored.RIG_FILE, policy=checkpoint, store=str(tmp_path / "store"), critic=str(critic),
        out=tmp_path / "weights.npz",
    )  # fmt: skip


def run(config, choices=CHOICES, **changes):
    return weigh(dataclasses.replace(config, **changes), choices)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_leaves_weights_that_say_how_they_came_about(to_weigh, method):
    run(to_weigh, method=method)
    found = load_weights(to_weigh.out)
    meta, asking = found.meta, method in ("aloe", "poco")
    assert (meta["method"], bool(meta["critic"])) == (method, asking)
    assert meta["options"]["chunks"]["n_action_steps"] == made.STEPS
    assert meta["statistics"]["positive"] == (found.weight > 0).sum()
    assert np.isfinite(found.advantage).all() == (method in ("aloe", "poco", "awr", "recap"))
    assert (found.chunks is not None) == (method == "poco") and (found.good is not None) == (method == "recap")
    assert set(found.source) == {AUTONOMOUS, BY_HUMAN} and (found.stop > found.row).all()
    if method == "filtered_bc":
        assert (found.weight == found.success).all() and 0 < found.success.sum() < len(found)


def test_the_critics_weights_are_those_of_its_advantages(to_weigh):
    rule = WeightConfig(rule="binary", top=0.5)
    run(to_weigh, dataclasses.replace(CHOICES, weights=rule))
    found = load_weights(to_weigh.out)
    failure = ~found.success  # no timeouts here
    expected = by_advantage(found.advantage.astype(float), Labels(found.source, found.success, failure), rule)
    assert found.weight.tolist() == expected.tolist()


def test_what_came_of_a_chunk_counts_where_that_is_asked_for(to_weigh):
    run(to_weigh)
    promised = load_weights(to_weigh.out)
    run(to_weigh, advantage="seen", n_step=3, out=to_weigh.out.with_name("seen.npz"))
    seen = load_weights(to_weigh.out.with_name("seen.npz"))
    assert promised.meta["options"]["weights"]["advantage"] == "promised"
    options = seen.meta["options"]
    assert (options["weights"]["advantage"], options["chunks"]["n_step"]) == ("seen", 3)
    last = seen.stop - seen.row <= 5
    assert seen.advantage[last & seen.success].min() > seen.advantage[last & ~seen.success].max()
    assert not np.allclose(seen.advantage, promised.advantage[np.isin(promised.row, seen.row)])


def test_chance_deals_the_same_advantages_to_other_chunks(to_weigh):
    run(to_weigh)
    promised = load_weights(to_weigh.out)
    run(to_weigh, advantage="chance", out=to_weigh.out.with_name("chance.npz"))
    chance = load_weights(to_weigh.out.with_name("chance.npz"))
    assert (np.sort(chance.advantage) == np.sort(promised.advantage)).all()
    assert (chance.advantage != promised.advantage).mean() > 0.9


def test_recap_learns_everything_and_says_what_was_good(to_weigh, capsys):
    run(to_weigh, dataclasses.replace(CHOICES, weights=WeightConfig(top=0.2)), method="recap", n_step=3)
    found = load_weights(to_weigh.out)
    assert (found.weight == 1).all() and found.good[found.source == BY_HUMAN].all()
    own = found.source == AUTONOMOUS
    assert (
        0 < found.good[own].mean() < 0.5
        and found.advantage[own & found.good].min() > found.advantage[~found.good].max()
    )
    assert found.meta["statistics"]["good"]["human"] == 1.0
    options = found.meta["options"]
    assert options["chunks"]["n_step"] == 3 and options["weights"] == {
        "top": 0.2,
        "failures": "kept",
        "correction_share": 0.0,
    }


def test_a_critic_that_failed_a_gate_is_asked_only_by_force_and_the_gate_is_named(to_weigh, tmp_path):
    said = ["the critic ignores the action (shuffle_gap 0.02, gate 0.3)"]
    failed = made.write_critic(tmp_path / "failed", to_weigh.policy, passed=False, judgement=said)
    with pytest.raises(CheckpointError, match=r"shuffle_gap 0\.02, gate 0\.3.*insist with force"):
        run(to_weigh, critic=str(failed))
    run(to_weigh, dataclasses.replace(CHOICES, ask=AskConfig(samples=2, force=True)), critic=str(failed))


def test_what_cannot_be_weighed_is_refused_by_name(to_weigh, tmp_path, monkeypatch):
    with pytest.raises(ConfigError, match="--method aloe asks a critic; give --critic"):
        run(to_weigh, critic="")
    with monkeypatch.context() as patch:
        patch.setattr(TinyPolicy, "stochastic", False)
        with pytest.raises(ConfigError, match="poco weighs several of a state among each other; take another --method"):
            run(to_weigh, method="poco")
    with pytest.raises(ConfigError, match="judges chunks of 10 steps"):
        run(to_weigh, n_action_steps=5)
    with pytest.raises(ConfigError, match="longer than the policy's chunks of 20"):
        run(to_weigh, method="uniform", n_action_steps=25)
    encoder = stored.encoder_hash(to_weigh.policy.with_name("encoder.safetensors"))
    stored.write_store(tmp_path / "failures", tmp_path / "f", encoder, ("failure",) * 3)
    with pytest.raises(ConfigError, match="no chunk left: filtered_bc gives none of"):
        run(to_weigh, method="filtered_bc", store=str(tmp_path / "failures"))
    with pytest.raises(ConfigError, match="no successes"):
        run(to_weigh, method="awr", store=str(tmp_path / "failures"))
    to_weigh.out.write_bytes(b"")
    with pytest.raises(ConfigError, match="is there already"):
        run(to_weigh)


def test_chunks_that_the_critics_training_drew_are_not_drawn_again(setting, to_weigh, capsys):
    setting = dataclasses.replace(setting, n_action_steps=made.STEPS, store=to_weigh.store)
    CriticTraining(setting, stored.NETWORK, stored.LEARNING).run(lambda *_: None, lambda: False)
    made.write_critic(setting.out, to_weigh.policy)
    run(to_weigh, critic=str(setting.out))
    assert "2 of the policy's chunks in each of" in capsys.readouterr().out
    run(to_weigh, critic=str(setting.out), segments="spliced", out=to_weigh.out.with_name("spliced.npz"))
    assert "serve again" not in capsys.readouterr().out
