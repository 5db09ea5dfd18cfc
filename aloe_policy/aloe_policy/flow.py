"""Flow matching as plain functions. Convention of openpi's pi0 (arXiv:2410.24164): tau=1 is noise, tau=0 the action."""

from collections.abc import Callable

import torch
from torch import Tensor

from aloe_policy.committed import inpainted

Velocity = Callable[[Tensor, Tensor], Tensor]


def sample_tau(count: int, generator: torch.Generator | None = None, device: torch.device | None = None) -> Tensor:
    """Flow times [count] ~ Beta(1.5, 1) * 0.999 + 0.001: more weight on the noisy end."""
    uniform = torch.rand(count, generator=generator, device=device)
    return uniform ** (1.0 / 1.5) * 0.999 + 0.001  # Beta(a, 1) has the inverse CDF u^(1/a)


def flow_loss(velocity: Velocity, actions: Tensor, noise: Tensor, tau: Tensor) -> Tensor:
    """Squared error of the velocity field, kept per sample and step so that weights can be applied later.

    Args:
        velocity: (x_tau [B, H, A], tau [B]) -> [B, H, A].
        actions: normalised action chunks [B, H, A].
        noise: e ~ N(0, I), [B, H, A].
        tau: flow times [B].

    Returns:
        [B, H], mean over action dimensions.
    """
    t = tau[:, None, None]
    x_tau = t * noise + (1 - t) * actions
    return (velocity(x_tau, tau) - (noise - actions)).square().mean(-1)


@torch.no_grad()
def integrate(
    velocity: Velocity, noise: Tensor, num_steps: int, rows: Tensor | None = None, columns: Tensor | None = None
) -> Tensor:
    """Euler from tau=1 (noise) to tau=0 (actions).

    Args:
        velocity: Velocity field, (x_tau [B, H, A], tau [B]) -> [B, H, A].
        noise: Noise e ~ N(0, I), [B, H, A].
        num_steps: Steps of Euler's method.
        rows: Committed rows [B, H, A], see `committed`; None: all values are free.
        columns: Which values of `rows` are committed, bool [B, H, A].

    Returns:
        Chunks [B, H, A].
    """
    x = noise
    for k in range(num_steps):
        tau = torch.full((len(x),), 1.0 - k / num_steps, device=x.device, dtype=x.dtype)
        x = x - velocity(x, tau) / num_steps
        if rows is not None and columns is not None:
            x = inpainted(x, noise, rows, columns, 1.0 - (k + 1) / num_steps)
    return x
