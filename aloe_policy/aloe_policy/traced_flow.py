"""Sampling without Python between the operations, for a node that has more to do than that.

A small network on a CPU spends most of a flow on Python. That is half the time on an idle machine; in a node that also
listens to cameras it is more, since at every operation Python's lock goes to the thread that takes the messages in.
Traced, a whole flow is one call, and to the bit the same. `torch.jit` is deprecated in favour of `torch.compile`, which
wants a C++ compiler on the robot and half a minute; this takes a second.

The code of a trace is never given back. So there is one for each size of network, and copies of it with other weights.
"""

import copy
import warnings

import torch
from torch import Tensor, nn

from aloe_policy.committed import inpainted
from aloe_policy.flow_network import FlowNetwork, FlowShape

WARM_UPS = 3  # calls until a trace runs at its speed, and its copies with it
_traces: dict[tuple[FlowShape, torch.device], torch.jit.ScriptModule] = {}


class TracedFlow:
    """`integrate` of a guided velocity, for one network as it is now.

    Args:
        model: Network in evaluation mode.
        num_steps: Steps of Euler's method.
        guidance: Guidance of an `AdvantageCondition`.
    """

    def __init__(self, model: FlowNetwork, num_steps: int, guidance: float = 1.0) -> None:
        self._num_steps = num_steps
        self._guidance = guidance
        key = model.flow_shape(), next(model.parameters()).device
        if key not in _traces:
            _traces[key] = _trace(model)
        self._loop = copy.deepcopy(_traces[key])
        weights = {**dict(model.named_parameters()), **dict(model.named_buffers())}
        self._loop.load_state_dict({f"velocity.model.{name}": value for name, value in weights.items()})

    def __call__(
        self, prefixes: Tensor, noise: Tensor, rows: Tensor | None = None, columns: Tensor | None = None
    ) -> Tensor:
        """Chunks [B, H, A], as `integrate` gives them.

        Args:
            prefixes: Prefixes of a condition, [P, B, ...]; the second one of two is that without guidance.
            noise: Noise, [B, H, A].
            rows: Committed rows, [B, H, A]; None: all values are free.
            columns: Which values of `rows` are committed, bool [B, H, A].
        """
        found: Tensor = self._loop(prefixes, noise, self._num_steps, self._guidance, rows, columns)
        return found


class _Velocity(nn.Module):
    def __init__(self, model: FlowNetwork) -> None:
        super().__init__()
        self.model = model

    def forward(self, prefix: Tensor, x_tau: Tensor, tau: Tensor) -> Tensor:
        return self.model.velocity(prefix, x_tau, tau)


class _Euler(nn.Module):
    def __init__(self, velocity: nn.Module) -> None:
        super().__init__()
        self.velocity = velocity

    def forward(
        self,
        prefixes: Tensor,
        noise: Tensor,
        num_steps: int,
        guidance: float,
        rows: Tensor | None = None,
        columns: Tensor | None = None,
    ) -> Tensor:
        x = noise
        for k in range(num_steps):
            tau = torch.full((x.shape[0],), 1.0 - k / num_steps, device=x.device, dtype=x.dtype)
            velocity = self.velocity(prefixes[0], x, tau)
            if prefixes.shape[0] == 2:
                velocity = torch.lerp(self.velocity(prefixes[1], x, tau), velocity, guidance)
            x = x - velocity / num_steps
            if rows is not None and columns is not None:
                x = inpainted(x, noise, rows, columns, 1.0 - (k + 1) / num_steps)
        return x


def _trace(model: FlowNetwork) -> torch.jit.ScriptModule:
    """The loop for networks of this size."""
    shape = model.flow_shape()
    prefix = torch.zeros(1, *shape.prefix, device=next(model.parameters()).device)
    chunk = prefix.new_zeros(1, *shape.chunk)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore", DeprecationWarning)
        network = _Velocity(copy.deepcopy(model).requires_grad_(False)).eval()
        velocity = torch.jit.trace(network, (prefix, chunk, prefix.new_ones(1)), check_trace=False)
        found: torch.jit.ScriptModule = torch.jit.script(_Euler(velocity).eval())
        for _ in range(WARM_UPS):
            found(prefix[None], chunk, 1, 1.0)
    return found
