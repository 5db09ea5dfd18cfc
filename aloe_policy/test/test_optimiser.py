"""One optimiser of two: matrices of blocks are Muon's, all else AdamW's."""

import copy

import torch
from torch import nn

from aloe_policy.optimiser import Optimiser, block_matrices
from aloe_policy.tiny.model import ModelConfig, TinyVLA

STEPS = 20


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.SiLU(), nn.Linear(8, 2))


def train(model: nn.Sequential, optimiser: Optimiser, steps: range) -> list[float]:
    rates = []
    for step in steps:
        x = torch.randn(16, 4, generator=torch.Generator().manual_seed(step))
        optimiser.zero_grad()
        (model(x) - x[:, :2]).square().mean().backward()
        rates.append(optimiser.learning_rate)
        optimiser.step()
    return rates


def made(model: nn.Sequential) -> Optimiser:
    return Optimiser(model.parameters(), [model[0].weight], learning_rate=1e-2, weight_decay=1e-3, steps=STEPS)


def test_every_parameter_is_trained() -> None:
    model = network()
    before = copy.deepcopy(model.state_dict())
    train(model, made(model), range(3))
    assert not any(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_the_rate_rises_and_falls_once() -> None:
    model = network()
    rates = train(model, made(model), range(STEPS))
    peak = max(rates)
    top = rates.index(peak)
    assert abs(peak - 1e-2) < 1e-6
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert rates[-1] < 1e-3 * peak


def test_a_training_that_was_interrupted_goes_on_as_if_it_had_not_been() -> None:
    whole, part = network(), network()
    train(whole, made(whole), range(STEPS))
    first = made(part)
    train(part, first, range(STEPS // 2))
    again = made(part)
    again.load_state_dict(copy.deepcopy(first.state_dict()))
    train(part, again, range(STEPS // 2, STEPS))
    for name, value in whole.state_dict().items():
        assert torch.equal(value, part.state_dict()[name]), name


def test_muon_has_attention_and_feed_forward_layers_and_nothing_else() -> None:
    sizes = ModelConfig(num_cameras=1, keypoints=("cup",), state_dim=2, action_dim=2, width=16, tool_views=1)
    model = TinyVLA(sizes)
    chosen = {id(p) for p in block_matrices((model.mix, model.expert))}
    names = {name for name, p in model.named_parameters() if id(p) in chosen}
    assert names == {n for n, p in model.named_parameters() if p.ndim == 2 and ("attention" in n or "mlp" in n)}
