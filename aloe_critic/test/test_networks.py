"""The network sees everything it is given, keeps its critics apart, and computes a state once for many chunks."""

import dataclasses
import itertools

import pytest
import torch

from aloe_critic.critic_state import Sizes, State
from aloe_critic.networks import CriticNetwork, NetworkConfig
from aloe_policy.tokenizer import MAX_WORDS

SIZES = Sizes(2, 2, 3, ("red cube", "blue cube"), 5, 3, 10)
PLAIN = Sizes(2, 12, 6, (), 5, 3, 10)  # tokens without names
SMALL = NetworkConfig(num_critics=3, width=16, heads=2, layers=2, bins=11, dropout=0.0)


def states(count: int, sizes: Sizes = SIZES, seed: int = 0) -> State:
    generator = torch.Generator().manual_seed(seed)
    words = torch.zeros(count, MAX_WORDS, dtype=torch.long)
    words[:, :4] = torch.randint(1, 99, (count, 4), generator=generator)
    tokens = torch.rand(count, sizes.views, sizes.tokens, sizes.token_width, generator=generator)
    return State(tokens, words, torch.randn(count, sizes.state_dim, generator=generator))


def chunks(count: int, sizes: Sizes = SIZES, seed: int = 1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, sizes.n_action_steps, sizes.action_dim, generator=generator)


def critic(sizes: Sizes = SIZES, **changes):
    torch.manual_seed(0)
    return CriticNetwork(dataclasses.replace(SMALL, **changes), sizes).eval()


VARIANTS = [
    dict(zip(("trunks", "bins", "film"), values, strict=True))
    for values in itertools.product(("shared", "separate"), (1, 11), (True, False))
]


@pytest.mark.parametrize("changes", VARIANTS, ids=str)
def test_every_variant_gives_one_output_per_critic_and_sample(changes):
    network = critic(**changes)
    assert network(states(4), chunks(4)).shape == (3, 4, changes["bins"])


@pytest.mark.parametrize(("trunks", "sizes"), [("shared", SIZES), ("separate", SIZES), ("shared", PLAIN)])
def test_everything_that_is_seen_said_and_done_reaches_every_critic(trunks, sizes):
    network, s, a = critic(sizes, trunks=trunks), states(1, sizes), chunks(1, sizes)
    inputs = [s.tokens.requires_grad_(), s.state.requires_grad_(), a.requires_grad_()]
    for out in network(s, a):
        gradients = torch.autograd.grad(out.square().sum(), inputs, retain_graph=True)
        assert all((g != 0).all() for g in gradients)
    said = s.words.clone()
    said[0, 1] += 1
    assert not torch.allclose(network(State(s.tokens, said, s.state), a), network(s, a))


@pytest.mark.parametrize("trunks", ["shared", "separate"])
def test_a_prefix_serves_many_chunks_of_its_states(trunks):
    network, s, a = critic(trunks=trunks), states(3), chunks(3)
    prefix = network.prefix(s)
    torch.testing.assert_close(network.evaluate(prefix, a), network(s, a))
    torch.testing.assert_close(network.evaluate(prefix, 2 * a), network(s, 2 * a))


def test_a_repeated_prefix_is_each_state_again():
    network, s, a = critic(), states(3), chunks(6)
    both = network.evaluate(network.prefix(s).repeat(2), a)
    torch.testing.assert_close(both, torch.cat([network(s, a[:3]), network(s, a[3:])], dim=1))


def test_samples_and_padding_words_do_not_touch_each_other():
    network, s, a = critic(), states(4), chunks(4)
    longer = s.words.clone()
    longer[0, :9] = 7
    other = network(State(s.tokens, longer, s.state), a)
    torch.testing.assert_close(other[:, 1:], network(s, a)[:, 1:])


def test_a_critic_does_not_read_the_others_readouts():
    network, s, a = critic(), states(2), chunks(2)
    before = network(s, a)
    with torch.no_grad():
        network.trunks[0].readouts[0, 0] += 1.0
    after = network(s, a)
    torch.testing.assert_close(after[1:], before[1:])
    assert not torch.allclose(after[0], before[0])


def test_a_view_of_any_number_of_tokens_costs_the_transformer_the_same():
    few, many = (critic(dataclasses.replace(PLAIN, tokens=count)) for count in (12, 48))
    for network, count in ((few, 12), (many, 48)):
        prefix = network.prefix(states(1, dataclasses.replace(PLAIN, tokens=count)))
        assert prefix.trunks[0].layers[0].shape[1] == 2 + 2 * 8  # state, prompt, and eight for each view


def test_states_without_images_and_state_values_are_the_same_network():
    without = dataclasses.replace(SIZES, num_cameras=0, names=())
    assert critic(without)(states(4, without), chunks(4)).shape == (3, 4, 11)
    value = dataclasses.replace(SIZES, n_action_steps=0)
    for bins in (1, 51):
        assert critic(value, num_critics=1, bins=bins)(states(4, value), None).shape == (1, 4, bins)


@pytest.mark.parametrize(("steps", "tokens"), [(10, 2), (12, 3), (7, 7), (25, 5)])
def test_a_chunk_of_any_length_is_cut_into_patches_of_at_most_five_steps(steps, tokens):
    sizes = dataclasses.replace(SIZES, n_action_steps=steps)
    network = critic(sizes)
    assert len(network.trunks[0].action_tokens.position) == tokens
    assert network(states(2), chunks(2, sizes)).shape == (3, 2, 11)


def test_a_width_that_does_not_divide_among_the_heads_is_refused():
    with pytest.raises(ValueError, match="width 15 is not a multiple of 2, the heads of the attention"):
        critic(width=15)


def test_more_critics_cost_one_token_and_one_head_each():
    few, many = (sum(p.numel() for p in critic(num_critics=k).parameters()) for k in (2, 10))
    head = 16 * 32 + 32 + 32 * 11 + 11
    assert many - few == 8 * (head + 16)
