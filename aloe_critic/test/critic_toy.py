"""A task of one step of thought, for tests: what matters is whether the chunk points where the state says."""

import numpy as np
import torch

from aloe_critic.batches import CriticBatch
from aloe_critic.critic_state import Sizes, State
from aloe_critic.networks import CriticNetwork, NetworkConfig
from aloe_data.transitions import RewardConfig
from aloe_policy.tokenizer import MAX_WORDS

SIZES = Sizes(0, 0, 0, (), 3, 2, 10)
SMALL = NetworkConfig(num_critics=3, width=16, heads=2, layers=1, bins=31, dropout=0.0)
REWARD = RewardConfig()
ROWS = np.arange(4000)


class ToyPolicy:
    """Chunks that hardly move, in the critic's units; see `ChunkSource`."""

    noise_shape = (20, 2)

    def __init__(self, version: str = "1", stochastic: bool = True) -> None:
        self.version = version
        self.stochastic = stochastic
        self.calls = 0

    def at(self, row, noise):
        self.calls += 1
        return 0.1 * noise[:, :, : SIZES.n_action_steps]


def critic(config: NetworkConfig = SMALL, seed: int = 0) -> CriticNetwork:
    torch.manual_seed(seed)
    return CriticNetwork(config, SIZES)


def state(values: torch.Tensor) -> State:
    words = torch.zeros(len(values), MAX_WORDS, dtype=torch.long)
    words[:, 0] = 1
    return State(torch.zeros(len(values), 0, 0, 3), words, values)


def batch(size: int = 64, seed: int = 0) -> CriticBatch:
    """Half of the chunks do what the state says, and succeed; the others do the opposite, and fail."""
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(size, 3, generator=generator)
    good = torch.rand(size, generator=generator) < 0.5
    actions = (values[:, None, :2] * torch.where(good, 1.0, -1.0)[:, None, None]).expand(-1, 10, -1)
    return CriticBatch(
        state=state(values),
        next_state=state(values),
        actions=actions,
        reward=torch.where(good, -0.05, -1.0),
        discount=torch.full((size,), 0.95),
        mask=torch.zeros(size),
        success=good,
        row=(row := torch.randint(len(ROWS), (size,), generator=generator)),
        next_row=row + 10,
    )
