"""What is good is one more word of the prompt: where it stands, that it is asked for, and what guidance makes of it."""

import dataclasses
import json

import critic_store as made
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from aloe_policy.backend import load_policy
from aloe_policy.checkpoint import CheckpointError, read_checkpoint
from aloe_policy.condition import BAD, GOOD, Condition, labelled, velocity_of, with_word
from aloe_policy.flow import integrate
from aloe_policy.tiny import save_tiny
from aloe_policy.words import MAX_WORDS, PADDING, bucket, word_ids

PROMPT = "put the red cube left"


def words(*prompts: str) -> torch.Tensor:
    return torch.stack([torch.from_numpy(word_ids(prompt)) for prompt in prompts])


@given(st.lists(st.integers(1, MAX_WORDS - 1), min_size=1, max_size=4), st.data())
def test_it_stands_behind_the_last_word_and_changes_none(lengths, data):
    good = torch.tensor(data.draw(st.lists(st.booleans(), min_size=len(lengths), max_size=len(lengths))))
    before = words(*("go " * length for length in lengths))
    after = labelled(before, good)
    for n, length in enumerate(lengths):
        assert torch.equal(after[n, :length], before[n, :length]) and (after[n, length + 1 :] == PADDING).all()
        assert after[n, length] == bucket(GOOD if good[n] else BAD)


def test_where_nothing_is_said_the_prompt_is_as_it_was():
    before = words(PROMPT, "go")
    assert torch.equal(with_word(before, torch.full((2,), PADDING))[:, :-1], before)
    torch.manual_seed(0)
    after = labelled(before[:1].expand(4000, -1), torch.ones(4000, dtype=torch.bool), dropout=0.2)
    assert ((after != PADDING).sum(1) == 5).float().mean().item() == pytest.approx(0.2, abs=0.02)


def test_a_prompt_that_talks_of_advantages_is_no_condition():
    said = [word_ids(f"{PROMPT} {text}").tolist() for text in (GOOD, BAD, "good", "positive")]
    told = [labelled(words(PROMPT), torch.tensor([good]))[0, :-1].tolist() for good in (True, False)]
    assert not [ids for ids in told if ids in said] and told[0] != told[1]


def test_a_prompt_without_room_for_it_is_refused():
    with pytest.raises(ValueError, match=r"32 words; this policy is also told .*, and reads 31: shorten it"):
        labelled(words("go " * MAX_WORDS), torch.tensor([True]))


@pytest.fixture(scope="module")
def policy(tmp_path_factory):
    """Untrained, but such that what is said changes what it does."""
    found = load_policy(made.write_policy(tmp_path_factory.mktemp("policy") / "p"), made.RIG)
    torch.manual_seed(1)
    for weight in (found.model.action_out.weight, found.model.word.weight):
        torch.nn.init.normal_(weight)
    return found


def seen(policy, prompt: str = PROMPT, states: int = 2):
    """Tokens, words and states, and noise for three chunks in each."""
    random = torch.Generator().manual_seed(0)
    shapes = (states, len(made.RIG.cameras), len(made.NAMES), 3), (states, len(policy.normaliser.state_mean))
    tokens, state = (torch.randn(shape, generator=random) for shape in shapes)
    noise = torch.randn(3, states, policy.action_horizon, made.RIG.action_dim, generator=random)
    return tokens, words(prompt).expand(states, -1), state, noise


def saved(policy, folder, condition):
    options = {"image_size": policy.image_size, "training": {}, "card": "", "flow_steps": policy.num_steps}
    save_tiny(folder, made.RIG, policy.encoder, policy.model, policy.normaliser, condition=condition, **options)
    return load_policy(folder, made.RIG)


def plain(policy, tokens, asked, state, noise):
    """What the network does with a prompt, without any condition."""
    with torch.no_grad():
        prefix = policy.model.prefix(tokens, asked, state).repeat(len(noise), 1, 1)
    flat = integrate(lambda x, tau: policy.model.velocity(prefix, x, tau), noise.flatten(0, 1), policy.num_steps)
    return flat.view(noise.shape)


def test_a_policy_without_a_condition_does_what_its_network_does_to_the_bit(policy, tmp_path):
    again = saved(policy, tmp_path / "p", None)
    tokens, said, state, noise = seen(policy)
    assert torch.equal(again.sample(tokens, said, state, noise), plain(policy, tokens, said, state, noise))
    assert "condition" not in read_checkpoint(tmp_path / "p").config and again.condition is None


def test_guidance_of_one_is_the_conditional_pass_to_the_bit_and_asks_once(policy, tmp_path, monkeypatch):
    asking, (tokens, said, state, noise) = saved(policy, tmp_path / "p", Condition()), seen(policy)
    conditional = plain(policy, tokens, labelled(said, torch.ones(2, dtype=torch.bool)), state, noise)
    calls, prefix = [], asking.model.prefix
    monkeypatch.setattr(asking.model, "prefix", lambda *a: calls.append(1) or prefix(*a))
    assert torch.equal(asking.sample(tokens, said, state, noise), conditional) and len(calls) == 1
    assert (conditional - plain(policy, tokens, said, state, noise)).abs().max() > 1e-3


@pytest.mark.parametrize("guidance", [1.5, 3.0])
def test_more_guidance_goes_on_from_nothing_said_through_what_is_good(policy, guidance):
    tokens, said, state, noise = seen(policy)
    x, tau = noise[0], torch.tensor([0.3, 0.8])
    good = labelled(said, torch.ones(2, dtype=torch.bool))
    with torch.no_grad():
        free, asked = (policy.model.velocity(policy.model.prefix(tokens, w, state), x, tau) for w in (said, good))
        found = velocity_of(policy.model, tokens, said, state, Condition(guidance=guidance))(x, tau)
    torch.testing.assert_close(found, free + guidance * (asked - free), atol=1e-4, rtol=1e-4)


def test_it_travels_with_the_checkpoint_and_prompts_keep_to_its_room(policy, tmp_path):
    found = saved(policy, tmp_path / "p", Condition(guidance=2.5))
    assert found.condition == Condition(GOOD, 2.5)
    assert json.loads((tmp_path / "p" / "config.json").read_text())["condition"]["word"] == GOOD
    with pytest.raises(ValueError, match="reads 31"):
        found.sample(*seen(policy, "go " * MAX_WORDS))
    checkpoint = read_checkpoint(tmp_path / "p")
    wrong = dataclasses.replace(checkpoint, config={**checkpoint.config, "condition": {"words": GOOD}})
    with pytest.raises(CheckpointError, match="do not fit together"):
        load_policy(tmp_path / "p", made.RIG, read=lambda path, rig: wrong)
