"""Terms of the critic's loss that rank one chunk of a state above another.

A chunk of a success should be worth more than a chunk from elsewhere in the same state; where an operator took over,
theirs more than what the policy proposes there. Both terms are ours.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from aloe_critic.batches import CriticBatch, Takeovers
from aloe_critic.parallel import Parallel

MOST = 4  # at most the batch over this many pairs, to stay cheap


@dataclass(frozen=True, eq=False)
class Rivals:
    """Chunks from elsewhere for P of this process's entries.

    Attributes:
        entry: Entries that they rival, int64 [P].
        actions: The chunks, with noise, [P, h, A].
        share: P over what it is in a process on average, so that the mean over processes is that over all pairs.
    """

    entry: Tensor
    actions: Tensor
    share: float


def foreign_chunks(batch: CriticBatch, arms: Tensor | None, noise: float, parallel: Parallel) -> Rivals | None:
    """For chunks of successes, chunks from elsewhere in the batch; None where nothing succeeds.

    Args:
        batch: This process's part of the batch.
        arms: Which values of an action are each arm's, bool [arms, A]: only what one of the arms does is then foreign;
            None: the whole chunk is.
        noise: Noise that is added to them, in standard deviations of the data.
        parallel: Processes that learn together.
    """
    success = parallel.gather(batch.success.float())
    actions = parallel.gather(batch.actions)
    chosen = success.nonzero()[:, 0][: len(success) // MOST]
    if not len(chosen):
        return None
    foreign = actions[torch.randperm(len(actions), device=actions.device)[: len(chosen)]]
    if arms is not None:
        arm = torch.randint(len(arms), (len(chosen),), device=actions.device)
        foreign = torch.where(arms[arm][:, None], foreign, actions[chosen])
    foreign = foreign + noise * torch.randn_like(foreign)
    mine = chosen % parallel.count == parallel.rank
    share = int(mine.sum()) * parallel.count / len(chosen)
    return Rivals(chosen[mine] // parallel.count, foreign[mine], share)


def some_takeovers(known: Takeovers, batch_size: int, noise: float, parallel: Parallel) -> Takeovers:
    """Some takeovers with noise, as many in every process.

    Args:
        known: Takeovers to choose from.
        batch_size: Chunks per step, which bound their number.
        noise: Noise that is added to chunks, in standard deviations of the data.
        parallel: Processes that learn together.
    """
    count = parallel.count
    pairs = max(min(len(known.state), batch_size // MOST) // count, 1)
    chosen = torch.randperm(len(known.state), device=known.human.device).repeat(count)[: pairs * count]
    mine = parallel.mine(chosen)
    human = noisy(known.human[mine], pairs * count, noise, parallel)
    policy = noisy(known.policy[mine], pairs * count, noise, parallel)
    return Takeovers(known.state[mine], human, policy)


def noisy(part: Tensor, whole: int, scale: float, parallel: Parallel) -> Tensor:
    """This process's part of the chunks, with its part of the noise that is drawn for all of them.

    Args:
        part: This process's chunks.
        whole: Number of chunks of all processes.
        scale: Standard deviation of the noise.
        parallel: Processes that learn together.
    """
    noise = torch.randn((whole, *part.shape[1:]), device=part.device)
    return part + scale * parallel.mine(noise)


def masks_of_arms(arms: Sequence[slice], action_dim: int, device: torch.device) -> Tensor:
    """Which values of an action are each arm's, bool [arms, A]."""
    masks = torch.zeros(len(arms), action_dim, dtype=torch.bool, device=device)
    for number, values in enumerate(arms):
        masks[number, values] = True
    return masks
