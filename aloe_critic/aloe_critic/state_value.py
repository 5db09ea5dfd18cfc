"""What a state is worth under whoever acted in it: learnt from Monte-Carlo returns, each episode judged by others.

The baselines that need no critic of actions: advantage-weighted regression (AWR), advantage = return - V(s_t); and
RECAP over N steps, advantage = R_N + gamma^N m V(s_{t+N}) - V(s_t), with m = 0 where a true terminal lies inside.
V is the critic's network without a chunk (h = 0) and with a categorical head. It is cross-fitted: what is said about an
episode comes from a network that did not learn from it, else V would know the returns by heart.

Source: AWR, arXiv:1910.00177; RECAP, arXiv:2511.14759; the cross-fitting is ours.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from aloe_critic.batches import Batches
from aloe_critic.critic_state import Sizes
from aloe_critic.losses import critic_loss, return_bounds, support, td_target, value
from aloe_critic.networks import CriticNetwork, NetworkConfig

Array = NDArray[np.float64]
Index = NDArray[np.int64]
NETWORK = NetworkConfig(num_critics=1, bins=256)
PART = 256  # states at a time


@dataclass(frozen=True)
class ValueConfig:
    """How the state value of `awr` and `recap` is learnt.

    Attributes:
        folds: Number of networks; each judges the episodes that it did not learn from.
        value_steps: Optimiser steps of each network.
        value_batch_size: States per step.
        value_learning_rate: Learning rate of AdamW.
        value_seed: Seed of folds, weights and batches.
    """

    folds: int = 3
    value_steps: int = 1000
    value_batch_size: int = 256
    value_learning_rate: float = 3e-4
    value_seed: int = 0


def folds_of(episode: Index, count: int, seed: int) -> Index:
    """A fold for each entry [n], 0 to count - 1, such that no episode is in two.

    Raises:
        ValueError: fewer episodes than folds.
    """
    episodes = np.unique(episode)
    if len(episodes) < count:
        raise ValueError(f"{len(episodes)} episode(s), but a state value is learnt from at least {count}; record more")
    fold = np.empty(len(episodes), np.int64)
    fold[np.random.default_rng(seed).permutation(len(episodes))] = np.arange(len(episodes)) % count
    return fold[np.searchsorted(episodes, episode)]


def crossfitted_values(
    batches: Batches,
    returns: Array,
    sizes: Sizes,
    config: ValueConfig,
    network: NetworkConfig = NETWORK,
    progress: Callable[[int], object] = lambda steps: None,
) -> tuple[Array, Array]:
    """V of every chunk's first state [n], and what its rewards and the state after them say of that V [n].

    Args:
        batches: n chunks; the state after them is the replay's `reach` ticks later.
        returns: Monte-Carlo returns [n]; chunks where they are NaN are judged but not learned from.
        sizes: of the network, with n_action_steps 0.
        config: steps and folds.
        network: its choices.
        progress: called with the number of steps that were done.

    Raises:
        ValueError: see `folds_of`; or a fold without returns to learn from.
    """
    fold = folds_of(batches.replay.episode_of, config.folds, config.value_seed)
    found = np.empty((2, len(fold)))
    for k in range(config.folds):
        known = np.flatnonzero((fold != k) & np.isfinite(returns))
        if not len(known):
            raise ValueError("too few episodes that end in success or failure; record more")
        torch.manual_seed(config.value_seed + k)
        critic = CriticNetwork(network, sizes).to(batches.device)
        values = support(return_bounds(batches.replay.reward), network.bins).to(batches.device)
        _learn(critic, values, batches, known, returns, config, np.random.default_rng((config.value_seed, k)), progress)
        judged = np.flatnonzero(fold == k)
        found[:, judged] = _judge(critic, values, batches, judged)
    return found[0], found[1]


def _learn(
    critic: CriticNetwork,
    values: torch.Tensor,
    batches: Batches,
    known: Index,
    returns: Array,
    config: ValueConfig,
    rng: np.random.Generator,
    progress: Callable[[int], object],
) -> None:
    optimiser = torch.optim.AdamW(critic.parameters(), config.value_learning_rate, weight_decay=1e-2)
    critic.train()
    for _ in range(config.value_steps):
        chosen = rng.choice(known, config.value_batch_size)
        target = torch.from_numpy(returns[chosen]).float().to(values.device)
        loss = critic_loss(critic(batches.states(chosen), None), target, values)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        progress(1)


@torch.no_grad()
def _judge(critic: CriticNetwork, values: torch.Tensor, batches: Batches, entries: Index) -> Array:
    """V(s_t) and R_N + gamma^N m V(s_{t+N}), [2, n]."""
    critic.eval()
    said = []
    for start in range(0, len(entries), PART):
        batch = batches.at(entries[start : start + PART])
        now, after = (value(critic(state, None), values)[0] for state in (batch.state, batch.next_state))
        said.append(torch.stack([now, td_target(after, batch.reward, batch.discount, batch.mask)]))
    return torch.cat(said, dim=1).double().cpu().numpy()
