"""What the visual policy computes of observations before it reads a chunk, and what it is told of chunks."""

from dataclasses import dataclass

import torch
from torch import Tensor

from aloe_policy.advantage_condition import GOOD as GOOD_WORD
from aloe_policy.advantage_condition import AdvantageCondition
from aloe_policy.visual.network import BAD, GOOD, NOTHING, VisualNetwork


@dataclass(frozen=True, eq=False)
class VisualCondition:
    """What the network computes of B observations.

    Attributes:
        prefixes: Keys and values for the blocks of the action expert, [P, B, blocks, N, 2 width]. P is 2 with guidance:
            in the second one nothing is told of the advantage.
        predicted: Chunks that the linear head predicts, [B, H, A]; None: not in training.
    """

    prefixes: Tensor
    predicted: Tensor | None

    def __len__(self) -> int:
        return self.prefixes.shape[1]

    def repeat(self, count: int) -> "VisualCondition":
        """All observations, `count` times after one another."""
        predicted = None if self.predicted is None else self.predicted.repeat(count, 1, 1)
        return VisualCondition(self.prefixes.repeat(1, count, 1, 1, 1), predicted)


def told_of(
    good: Tensor | None, advantage: AdvantageCondition | None, count: int, training: bool, device: torch.device
) -> Tensor:
    """What the network is told of each chunk's advantage, int64 [count].

    Args:
        good: Whether each chunk is good, bool [count], as the data says; None: it does not say.
        advantage: What the policy is asked for; None: nothing.
        count: Observations.
        training: Whether some are dropped, by torch's global generator.
        device: Device of the result.
    """
    if good is None:
        asked = NOTHING if advantage is None else GOOD if advantage.word == GOOD_WORD else BAD
        return torch.full((count,), asked, device=device)
    told = torch.where(good.to(device), GOOD, BAD)
    if advantage is None or not training:
        return told
    return told.masked_fill(torch.rand(count, device=device) < advantage.dropout, NOTHING)


def condition_of(
    network: VisualNetwork,
    views: Tensor,
    words: Tensor,
    state: Tensor,
    told: Tensor,
    moved: Tensor | None = None,
    *,
    guided: bool = False,
) -> VisualCondition:
    """The condition of B observations.

    Args:
        network: Network; in training mode its linear head predicts as well.
        views: Views as the network reads them.
        words: Words of the prompts, int64 [B, L].
        state: Normalised states, [B, S'].
        told: What is told of the advantage, int64 [B].
        moved: Movement of the views by the augmentation, see `Places`.
        guided: Whether the prefix of which nothing is told is needed as well.
    """
    scene = network.scenes(views, words, state, moved)
    prefixes = [network.prefix(scene, words, state, told)]
    if guided:
        prefixes.append(network.prefix(scene, words, state, torch.full_like(told, NOTHING)))
    return VisualCondition(torch.stack(prefixes), network.predicted(scene) if network.training else None)
