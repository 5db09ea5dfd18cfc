"""A network whose flow velocity depends on a prefix that is computed once per chunk; what `TracedFlow` traces."""

from abc import ABC, abstractmethod
from collections.abc import Hashable
from dataclasses import dataclass

from torch import Tensor, nn


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
