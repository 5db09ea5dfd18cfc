"""What is good is one more word: that it is told, that it is asked for, and what guidance makes of it."""

import dataclasses
import json

import critic_store as made
import pytest
import torch

from aloe_policy import traced_flow as traced
from aloe_policy.advantage_condition import BAD, GOOD, AdvantageCondition
from aloe_policy.backend import load_policy
from aloe_policy.checkpoint import CheckpointError, read_checkpoint
from aloe_policy.flow import integrate
from aloe_policy.flow_network import velocity_of
from aloe_policy.observation_batch import ObservationBatch
from aloe_policy.tiny.condition import condition_of, condition_tokens
from aloe_policy.tiny.policy import save_tiny
from aloe_policy.tokenizer import PADDING, bucket

ALL = torch.ones(2, dtype=torch.bool)


def test_what_is_good_and_what_is_bad_are_told_and_of_some_nothing():
    assert condition_tokens(torch.tensor([True, False])).tolist() == [bucket(GOOD), bucket(BAD)]
    torch.manual_seed(0)
    told = condition_tokens(torch.ones(4000, dtype=torch.bool), dropout=0.2)
    assert (told == PADDING).float().mean().item() == pytest.approx(0.2, abs=0.02)
    assert set(told.tolist()) == {PADDING, bucket(GOOD)}


@pytest.fixture(scope="module")
def policy(tmp_path_factory):
    """Untrained, but such that what is said changes what it does."""
    found = load_policy(made.write_policy(tmp_path_factory.mktemp("policy") / "p"), made.RIG)
    torch.manual_seed(1)
    for weight in (found.model.action_out.weight, found.model.word.weight):
        torch.nn.init.normal_(weight)
    return found


def seen(policy, states: int = 2):
    """Observations, and noise for three chunks in each."""
    random = torch.Generator().manual_seed(0)
    features = torch.randn(states, len(made.RIG.cameras), *policy.feature_spec.shape, generator=random)
    joints = torch.from_numpy(made.episode(0, "success").state[:states])
    batch = ObservationBatch(features, joints, ("put the red cube left",), torch.zeros(states, dtype=torch.long))
    noise = torch.randn(3, states, policy.action_horizon, made.RIG.action_dim, generator=random)
    return batch, noise


def sampled(policy, batch, noise):
    return policy.sample(policy.condition(batch), noise)


def saved(policy, folder, condition):
    options = {
        "image_size": policy.feature_spec.image_size[::-1],
        "training": {},
        "card": "",
        "flow_steps": policy.num_steps,
    }
    save_tiny(
        folder, made.RIG, policy.frame_encoder.network, policy.model, policy.normaliser, advantage=condition, **options
    )
    return load_policy(folder, made.RIG)


def plain(policy, batch, noise, condition_token=None):
    """What the network does with a condition token, or with none."""
    with torch.no_grad():
        prefix = policy.model.prefix(*policy.inputs(batch), condition_token).repeat(len(noise), 1, 1, 1)
    flat = integrate(lambda x, tau: policy.model.velocity(prefix, x, tau), noise.flatten(0, 1), policy.num_steps)
    return flat.view(noise.shape)


def test_a_policy_without_a_condition_does_what_its_network_does_to_the_bit(policy, tmp_path):
    again = saved(policy, tmp_path / "p", None)
    assert torch.equal(sampled(again, *seen(policy)), plain(policy, *seen(policy)))
    assert "condition" not in read_checkpoint(tmp_path / "p").config and again.advantage is None


def test_guidance_of_one_is_the_conditional_pass_to_the_bit_and_asks_once(policy, tmp_path, monkeypatch):
    asking, seen_now = saved(policy, tmp_path / "p", AdvantageCondition()), seen(policy)
    conditional = plain(policy, *seen_now, condition_tokens(ALL))
    calls, prefix = [], asking.model.prefix
    monkeypatch.setattr(asking.model, "prefix", lambda *a: calls.append(1) or prefix(*a))
    assert torch.equal(sampled(asking, *seen_now), conditional) and len(calls) == 1
    assert (conditional - plain(policy, *seen_now)).abs().max() > 1e-3


def test_told_nothing_the_network_does_as_if_there_were_no_condition(policy):
    assert torch.equal(plain(policy, *seen(policy), torch.full((2,), PADDING)), plain(policy, *seen(policy)))


@pytest.mark.parametrize("guidance", [1.5, 3.0])
def test_more_guidance_goes_on_from_nothing_said_through_what_is_good(policy, guidance):
    batch, noise = seen(policy)
    x, tau = noise[0], torch.tensor([0.3, 0.8])
    with torch.no_grad():
        inputs = policy.inputs(batch)
        prefixes = (policy.model.prefix(*inputs, token) for token in (None, condition_tokens(ALL)))
        free, asked = (policy.model.velocity(prefix, x, tau) for prefix in prefixes)
        both = condition_of(policy.model, *inputs, condition_tokens(ALL), guided=True)
        found = velocity_of(policy.model, both.prefixes, guidance)(x, tau)
    torch.testing.assert_close(found, free + guidance * (asked - free), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("condition", [None, AdvantageCondition(), AdvantageCondition(guidance=2.0)])
def test_warmed_up_a_policy_samples_the_same_to_the_bit_without_python(policy, tmp_path, condition):
    plain, warm = (saved(policy, tmp_path / name, condition) for name in ("plain", "traced"))
    warm.warm_up()
    entered = []
    warm.model.expert[0].register_forward_hook(lambda *_: entered.append(1))
    batch, noise = seen(policy)
    for several in (noise[:1, :1], noise[:, :1], noise):
        found = [sampled(p, batch[: several.shape[1]], several) for p in (plain, warm)]
        assert torch.equal(*found) and found[0].std() > 0.1
    assert not entered


def test_one_trace_serves_all_networks_of_a_size_each_with_its_own_weights(policy, tmp_path, monkeypatch):
    """What is traced stays in memory for good: a node that swaps policies all day must not trace each of them."""
    traces, trace = [], traced._trace
    monkeypatch.setattr(traced, "_traces", {})
    monkeypatch.setattr(traced, "_trace", lambda model: traces.append(1) or trace(model))
    batch, noise = seen(policy)
    for number in range(3):
        one = saved(policy, tmp_path / str(number), None)
        torch.nn.init.normal_(one.model.action_out.weight)
        before = sampled(one, batch, noise)
        one.warm_up()
        assert torch.equal(sampled(one, batch, noise), before)
    assert len(traces) == 1


def test_it_travels_with_the_checkpoint(policy, tmp_path):
    found = saved(policy, tmp_path / "p", AdvantageCondition(guidance=2.5))
    assert found.advantage == AdvantageCondition(GOOD, 2.5)
    assert json.loads((tmp_path / "p" / "config.json").read_text())["condition"]["word"] == GOOD
    checkpoint = read_checkpoint(tmp_path / "p")
    wrong = dataclasses.replace(checkpoint, config={**checkpoint.config, "condition": {"words": GOOD}})
    with pytest.raises(CheckpointError, match="do not fit together"):
        load_policy(tmp_path / "p", made.RIG, read=lambda path, rig: wrong)
