"""Flow matching: the loss is zero for the true field, and integration undoes it."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from aloe_policy.flow import flow_loss, integrate, sample_tau


def test_the_true_velocity_has_no_loss_and_shape_per_step() -> None:
    actions, noise, tau = torch.randn(4, 6, 3), torch.randn(4, 6, 3), torch.rand(4)
    loss = flow_loss(lambda x, t: noise - actions, actions, noise, tau)
    assert loss.shape == (4, 6)
    assert float(loss.max()) == 0.0


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 20), st.integers(0, 1000))
def test_integration_of_the_straight_field_ends_at_the_action(num_steps: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    actions, noise = torch.randn(2, 5, 3, generator=generator), torch.randn(2, 5, 3, generator=generator)
    found = integrate(lambda x, t: noise - actions, noise, num_steps)
    torch.testing.assert_close(found, actions, atol=1e-5, rtol=1e-5)


def test_flow_starts_at_the_action_and_ends_at_noise() -> None:
    seen = []
    actions, noise = torch.ones(2, 1, 1), torch.zeros(2, 1, 1)
    flow_loss(lambda x, t: seen.append(x) or x, actions, noise, torch.tensor([0.0, 1.0]))
    assert seen[0].flatten().tolist() == [1.0, 0.0]


def test_flow_times_follow_beta_one_and_a_half() -> None:
    tau = sample_tau(20000, torch.Generator().manual_seed(0))
    assert float(tau.min()) >= 0.001 and float(tau.max()) <= 1.0
    assert abs(float(tau.mean()) - (0.6 * 0.999 + 0.001)) < 0.01
