"""Muon for the matrices inside transformer blocks, AdamW for everything else, with one learning rate for both.

Muon (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon) makes every direction of a matrix's step equally
large. What AdamW learned of phone packing in 5,000 steps, this learns in 1,000.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from torch import nn
from torch.optim import AdamW, Muon
from torch.optim.lr_scheduler import OneCycleLR

MATRIX_RATE = 3.0  # learning rate of matrices, in that of the rest; steps are scaled as AdamW's (Liu et al. 2025)
MATRIX_DECAY = 10.0  # weight decay of matrices, in that of the rest
PARTS = ("adam", "muon", "adam_rate", "muon_rate")
WARM_UP = 0.05  # share of the steps in which the rate rises


class Optimiser:
    """Steps of a network's parameters, their rate rising and falling once.

    Args:
        parameters: All parameters that train.
        matrices: The matrices among them that Muon trains.
        learning_rate: Peak of the learning rate.
        weight_decay: Weight decay of the parameters that AdamW trains.
        steps: Number of steps of the whole training.
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        matrices: Sequence[nn.Parameter],
        learning_rate: float,
        weight_decay: float,
        steps: int,
    ) -> None:
        chosen = {id(matrix) for matrix in matrices}
        rest = [parameter for parameter in parameters if id(parameter) not in chosen]
        rate = MATRIX_RATE * learning_rate
        decay = MATRIX_DECAY * weight_decay
        self._adam = AdamW(rest, learning_rate, weight_decay=weight_decay)
        self._muon = Muon(matrices, rate, weight_decay=decay, adjust_lr_fn="match_rms_adamw")
        steps = max(3, steps)  # one cycle needs two steps to rise and one to fall
        rise = max(WARM_UP, 2 / steps)
        self._adam_rate = OneCycleLR(self._adam, learning_rate, steps, pct_start=rise)
        self._muon_rate = OneCycleLR(self._muon, rate, steps, pct_start=rise, cycle_momentum=False)

    @property
    def learning_rate(self) -> float:
        """Of the next step; of what AdamW trains."""
        return float(self._adam_rate.get_last_lr()[0])

    def zero_grad(self) -> None:
        """Forget the gradients."""
        self._adam.zero_grad(set_to_none=True)
        self._muon.zero_grad(set_to_none=True)

    def step(self) -> None:
        """Move along the gradients."""
        self._adam.step()
        self._muon.step()
        self._adam_rate.step()
        self._muon_rate.step()

    def state_dict(self) -> dict[str, Any]:
        """What `load_state_dict` needs."""
        return {name: getattr(self, f"_{name}").state_dict() for name in PARTS}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a `state_dict`."""
        for name in PARTS:
            getattr(self, f"_{name}").load_state_dict(state[name])


def block_matrices(blocks: Iterable[nn.Module]) -> list[nn.Parameter]:
    """The matrices of attention and feed-forward layers in transformer blocks, without those that modulate."""
    named = (parameter for block in blocks for parameter in block.named_parameters())
    return [p for name, p in named if p.ndim == 2 and "modulation" not in name]
