"""A network whose flow velocity depends on a prefix that is computed once per chunk; what `TracedFlow` traces."""

from abc import ABC, abstractmethod
from collections.abc import Hashable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from aloe_policy.flow import Velocity


@dataclass(frozen=True)
class FlowShape:
    """What a trace of the velocity depends on.

    Attributes:
        sizes: Sizes of the network; equal ones mean equal traces.
        prefix: Shape of one observation's prefix.
        chunk: Shape of a chunk, (H, A).
    """

    sizes: Hashable
    prefix: tuple[int, ...]
    chunk: tuple[int, int]


class FlowNetwork(nn.Module, ABC):
    """See the module's docstring."""

    @abstractmethod
    def flow_shape(self) -> FlowShape:
        """What a trace of the velocity depends on."""

    @abstractmethod
    def velocity(self, prefix: Tensor, x_tau: Tensor, tau: Tensor) -> Tensor:
        """Flow velocity [B, H, A] of noisy chunks x_tau [B, H, A] at flow times tau [B], under prefixes [B, ...]."""


def velocity_of(network: FlowNetwork, prefixes: Tensor, guidance: float = 1.0) -> Velocity:
    """The flow velocity under the prefixes [P, B, ...] of a condition.

    Args:
        network: Network that computed the prefixes.
        prefixes: Prefixes of one condition (P = 1), or with and without its condition token (P = 2).
        guidance: Weight of the prefixes with the token over those without.
    """
    asked = partial(network.velocity, prefixes[0])
    if len(prefixes) == 1:
        return asked
    unasked = partial(network.velocity, prefixes[1])
    return lambda x, tau: torch.lerp(unasked(x, tau), asked(x, tau), guidance)
