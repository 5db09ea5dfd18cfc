"""Of several chunks the one that is worth most goes, in time or not at all."""

import dataclasses
import itertools

import critic_made as made
import critic_store as stored
import numpy as np
import pytest
import torch

from aloe_critic.guided import GuidedConfig, GuidedPolicy, consensus, critic_score, load_guided
from aloe_critic.scorer import ChunkScorer, load_scorer
from aloe_data.chunk import critic_of, policy_of
from aloe_data.observation import Observation
from aloe_policy.backend import load_policy
from aloe_policy.checkpoint import CheckpointError
from aloe_policy.smoke import smoke_test
from aloe_policy.tiny.policy import TinyPolicy


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("guided")
    made.write_critic(path / "critic", made.write_lively_policy(path / "policy"))
    return path


@pytest.fixture(scope="module")
def scorer(folder):
    return load_scorer(folder / "critic", folder / "policy", made.RIG, GuidedConfig(critic=folder / "critic"))


def observe(number: int = 0) -> Observation:
    views = {c.name: v for c, v in zip(made.RIG.cameras, made.views(1, number)[0], strict=True)}
    return Observation(0, stored.episode(0, "success").state[number], views, "put the red cube left")


def guided(scorer: ChunkScorer, score=None, **options) -> GuidedPolicy:
    return GuidedPolicy(scorer.policy, score or critic_score(scorer), "both", **options)


def test_the_chunk_that_is_worth_most_is_executed(scorer):
    seen = {}

    def score(observation, batch, chunks):
        seen["chunks"], seen["values"] = chunks, critic_score(scorer)(observation, batch, chunks)
        return seen["values"]

    policy = guided(scorer, score, samples=6, seed=3)
    rows = policy.infer(observe())
    best, normaliser, space = int(seen["values"].argmax()), scorer.policy.normaliser, scorer.policy.space
    assert len(seen["values"]) == 6 and seen["values"].std() > 1e-3, "a critic that tells nothing apart proves nothing"
    expected = space.absolute(normaliser.unchunk(seen["chunks"][best].numpy()), observe().state)
    np.testing.assert_array_equal(rows, expected)
    assert rows.dtype == np.float32 and rows.shape == (scorer.policy.action_horizon, made.RIG.action_dim)
    assert policy.judged == 1 and policy.gain == pytest.approx(float(seen["values"].max() - seen["values"].mean()))


def test_the_values_are_those_that_the_critic_tells_elsewhere(scorer):
    seen = {}

    def score(observation, batch, chunks):
        seen["state"], seen["chunks"] = scorer.critic.transform.state(batch), chunks
        seen["values"] = critic_score(scorer)(observation, batch, chunks)
        return seen["values"]

    guided(scorer, score, samples=4).infer(observe())
    elsewhere = scorer.judge(seen["state"], seen["chunks"][:, None, : made.STEPS])
    np.testing.assert_allclose(seen["values"], elsewhere[:, 0], atol=1e-5)


def test_of_one_sample_it_is_the_policy_alone(folder, scorer):
    policy = guided(scorer, samples=1, seed=5)
    policy.warm_up()
    alone = load_policy(folder / "policy", made.RIG, seed=5)
    for number in range(2):
        np.testing.assert_allclose(policy.infer(observe(number)), alone.infer(observe(number)), atol=2e-3)


def test_the_same_seed_chooses_the_same_chunks_and_the_prefix_is_encoded_once(scorer, monkeypatch):
    encoded, real = [], scorer.policy.model.prefix
    monkeypatch.setattr(scorer.policy.model, "prefix", lambda *a: encoded.append(len(a[0])) or real(*a))
    first, again = (guided(scorer, samples=5, seed=9) for _ in range(2))
    again.warm_up()
    encoded.clear()
    for number in range(3):
        np.testing.assert_array_equal(first.infer(observe(number)), again.infer(observe(number)))
    assert encoded == [1] * 6


@pytest.mark.parametrize("how", ["min", "mean-std", "mean"])
def test_pessimism_is_a_choice(scorer, how):
    chunks = torch.randn(4, 20, made.RIG.action_dim, generator=torch.Generator().manual_seed(0))
    here = observe(), scorer.policy.observe(observe())
    values = critic_score(scorer, how, 0.5)(*here, chunks)
    each = torch.cat([critic_score(scorer, how, 0.5)(*here, chunks[[k]]) for k in range(4)])
    torch.testing.assert_close(values, each, atol=1e-5, rtol=0)
    assert (values <= critic_score(scorer, "mean")(*here, chunks) + 1e-6).all()


def test_the_control_without_a_critic_chooses_what_is_nearest_to_the_mean(scorer):
    chunks = torch.tensor([0.0, 1.0, 1.2, 4.0])[:, None, None].expand(-1, 20, 3)
    assert int(consensus(None, None, chunks).argmax()) == 2


class Clock:
    """Time that passes only while something is judged."""

    def __init__(self) -> None:
        self.now_s, self.judging_s = 0.0, 0.1

    def __call__(self) -> float:
        return self.now_s


def test_judging_that_would_come_late_is_left_out_and_tried_again_later(scorer):
    clock = Clock()

    def score(observation, batch, chunks):
        clock.now_s += clock.judging_s
        return torch.arange(float(len(chunks)))  # the last sample is the best one

    policy = guided(scorer, score, samples=4, seed=1, deadline_s=0.25, clock=clock)
    policy.warm_up()
    policy.infer(observe())
    assert (policy.judged, policy.unjudged) == (1, 0)
    clock.judging_s = 2.0
    policy.infer(observe())  # nobody could know
    clock.judging_s = 0.1
    chunks = {}
    real = scorer.policy.sample
    scorer.policy.sample = lambda *a: chunks.setdefault("all", real(*a))
    try:
        rows = policy.infer(observe())
    finally:
        del scorer.policy.sample
    first = scorer.policy.normaliser.unchunk(chunks["all"][0, 0].numpy())
    np.testing.assert_array_equal(rows, scorer.policy.space.absolute(first, observe().state))
    assert policy.unjudged == 1
    tries = next(n for n in itertools.count(1) if policy.infer(observe()) is not None and policy.judged > 2)
    assert tries < 10, "one slow judgement is not the last one"


def test_the_version_names_both_and_the_candidate_passes_the_smoke_test(folder, scorer):
    config = GuidedConfig(critic=folder / "critic", samples=3)
    policy = load_guided(folder / "policy", made.RIG, config, seed=2)
    smoke_test(policy, made.RIG, made.STEPS)
    assert policy_of(policy.version) == scorer.policy.version and critic_of(policy.version) == scorer.critic.version
    assert policy.rig_contract == made.RIG.contract
    assert policy_of(scorer.policy.version) == scorer.policy.version and critic_of(scorer.policy.version) == ""


def test_a_critic_that_does_not_fit_is_refused_by_name(folder):
    two = dataclasses.replace(made.RIG, cameras=made.RIG.cameras[:2])
    wrong = {
        "made for another rig": made.write_critic(folder / "two_cameras", folder / "policy", two),
        "tells the value of the policy": made.write_critic(folder / "other", folder / "policy", policy="0" * 64),
        "insist with force": made.write_critic(folder / "failed", folder / "policy", passed=False),
        "not a critic": folder / "policy",
        "no such folder": folder / "nowhere",
    }
    for says, critic in wrong.items():
        with pytest.raises(CheckpointError, match=says):
            load_guided(folder / "policy", made.RIG, GuidedConfig(critic=critic))


def test_a_policy_that_always_gives_the_same_chunk_leaves_nothing_to_choose(folder, monkeypatch):
    monkeypatch.setattr(TinyPolicy, "stochastic", False)
    with pytest.raises(CheckpointError, match="the same chunk whatever the noise, so there is nothing to choose from"):
        load_guided(folder / "policy", made.RIG, GuidedConfig(critic=folder / "critic"))
