"""Sampling without Python between the operations, for a node that has more to do than that.

A small network on a CPU spends most of a flow on Python. That is half the time on an idle machine; in a node that also
listens to cameras it is more, since at every operation Python's lock goes to the thread that takes the messages in.
Traced, a whole flow is one call, and to the bit the same. `torch.jit` is deprecated in favour of `torch.compile`, which
wants a C++ compiler on the robot and half a minute per checkpoint; this takes a third of a second.
"""

import warnings

import torch
from torch import Tensor, nn

from aloe_policy.model import TinyVLA


class TracedFlow:
    """`integrate` of `velocity_of`, for one network.

    Args:
        model: in evaluation mode; what becomes of its weights later does not count.
        num_steps: of Euler's method.
        guidance: see `condition`.
    """

    def __init__(self, model: TinyVLA, num_steps: int, guidance: float = 1.0) -> None:
        config, device = model.config, model.action_position.device
        views = config.num_cameras + config.tool_views
        tokens = 1 + views * len(config.keypoints)
        prefix = torch.zeros(1, config.expert_layers, tokens, 2 * config.width, device=device)
        chunk = torch.zeros(1, config.action_horizon, config.action_dim, device=device)
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore", DeprecationWarning)
            example = prefix, chunk, torch.ones(1, device=device)
            velocity = torch.jit.trace(_Velocity(model).eval(), example, check_trace=False)
            self._loop = torch.jit.freeze(torch.jit.script(_Euler(velocity, num_steps, guidance).eval()))

    def __call__(self, prefixes: Tensor, noise: Tensor) -> Tensor:
        """Chunks [B, H, A] from noise [B, H, A] and what `prefixes_of` found for them."""
        found: Tensor = self._loop(prefixes, noise)
        return found


class _Velocity(nn.Module):
    def __init__(self, model: TinyVLA) -> None:
        super().__init__()
        self.model = model

    def forward(self, prefix: Tensor, x_tau: Tensor, tau: Tensor) -> Tensor:
        return self.model.velocity(prefix, x_tau, tau)


class _Euler(nn.Module):
    def __init__(self, velocity: nn.Module, num_steps: int, guidance: float) -> None:
        super().__init__()
        self.velocity, self.num_steps, self.guidance = velocity, num_steps, guidance

    def forward(self, prefixes: Tensor, noise: Tensor) -> Tensor:
        x = noise
        for k in range(self.num_steps):
            tau = torch.full((x.shape[0],), 1.0 - k / self.num_steps, device=x.device, dtype=x.dtype)
            velocity = self.velocity(prefixes[0], x, tau)
            if prefixes.shape[0] == 2:
                velocity = torch.lerp(self.velocity(prefixes[1], x, tau), velocity, self.guidance)
            x = x - velocity / self.num_steps
        return x
