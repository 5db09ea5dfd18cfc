"""Several processes that train one critic, each on its part of every batch; `torchrun` starts them.

Lightning Fabric sets the processes up and has DistributedDataParallel average their gradients. Whatever is drawn at
random is drawn for the whole batch and alike in all processes, and entry i of a batch belongs to process i modulo their
number: how many there are changes no number but by rounding.
"""

import os
from datetime import timedelta
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from lightning_fabric import Fabric

PATIENCE = timedelta(hours=12)  # the others wait while the first process reads bags; torchrun watches for dead ones


class Parallel:
    """This process among those that train together; by default it is alone.

    Args:
        fabric: launched.
    """

    def __init__(self, fabric: "Fabric | None" = None) -> None:
        self._fabric = fabric
        self.rank: int = fabric.global_rank if fabric else 0
        self.count: int = fabric.world_size if fabric else 1

    @property
    def device(self) -> torch.device | None:
        """Of this process; None: it may choose."""
        return self._fabric.device if self._fabric else None

    @property
    def part(self) -> slice:
        """This process's entries of a batch."""
        return slice(self.rank, None, self.count)

    def wrap(self, module: nn.Module) -> nn.Module:
        """The module, whose gradients are then averaged over all processes."""
        return cast(nn.Module, self._fabric.setup_module(module, move_to_device=False)) if self._fabric else module

    def mine(self, whole: Tensor) -> Tensor:
        """This process's entries of what all have alike [B, ...]."""
        return whole[self.part]

    def gather(self, part: Tensor) -> Tensor:
        """The whole [B, ...] of parts [B / count, ...], alike in all processes; gradients do not pass."""
        if self._fabric is None:
            return part
        parts = [torch.empty_like(part, memory_format=torch.contiguous_format) for _ in range(self.count)]
        torch.distributed.all_gather(parts, part.contiguous())
        return torch.stack(parts, dim=1).flatten(0, 1)

    def mean(self, values: Tensor) -> Tensor:
        """Mean over the processes."""
        return cast(Tensor, self._fabric.all_reduce(values, reduce_op="mean")) if self._fabric else values

    def agree(self, value: int) -> bool:
        """Whether all have the same."""
        return bool((self.gather(torch.tensor([value], device=self.device)) == value).all())

    def wait(self) -> None:
        """Until all processes have come here."""
        if self._fabric is not None:
            self._fabric.barrier()


ALONE = Parallel()


def launched(device: str) -> Parallel:
    """The processes that `torchrun` started, this one among them; ALONE without it.

    Args:
        device: "cpu", or "cuda" for one GPU per process.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1 or not torch.distributed.is_torchelastic_launched():
        return ALONE
    from lightning_fabric import Fabric  # two seconds that one process alone need not wait
    from lightning_fabric.strategies.ddp import DDPStrategy

    here = int(os.environ["LOCAL_WORLD_SIZE"])
    strategy = DDPStrategy(timeout=PATIENCE, forward_sync_buffers=False)
    fabric = Fabric(accelerator=device, devices=here, num_nodes=size // here, strategy=strategy)
    fabric.launch()
    return Parallel(fabric)
