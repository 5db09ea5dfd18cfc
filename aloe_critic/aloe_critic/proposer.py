"""Chunks that a policy proposes, in the units in which a critic judges them."""

from collections.abc import Callable
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aloe_critic.transform import Transform, same_statistics
from aloe_data.episode_store import EpisodeStore
from aloe_data.frame_store import FrameStore
from aloe_policy.observation_batch import ObservationBatch
from aloe_policy.policy_protocol import TrainablePolicy

Index = NDArray[np.int64]
Propose = Callable[[Tensor], Tensor]
"""From noise [M, B, H, A] to chunks of a policy in B states, [M, B, h, A] in a critic's units."""


class Proposer:
    """A policy whose chunks a critic judges.

    Args:
        policy: Policy that proposes.
        transform: Transform of the critic.

    Raises:
        ValueError: The policy's chunks are shorter than those that the critic judges.
    """

    def __init__(self, policy: TrainablePolicy, transform: Transform) -> None:
        steps = transform.n_action_steps
        if policy.action_horizon < steps:
            raise ValueError(
                f"n_action_steps {steps} is longer than the policy's chunks of {policy.action_horizon} steps"
            )
        self.policy = policy
        self._transform = transform
        self._steps = steps
        # There and back through the rig's units rounds: where units are the same, chunks stay as they are.
        self._same = same_statistics(policy.normaliser, transform.normaliser, steps)

    def sample(self, batch: ObservationBatch, noise: Tensor) -> Tensor:
        """Chunks in the policy's own units.

        Args:
            batch: B observations, as the policy reads them.
            noise: Noise ~ N(0, I), [M, B, H, A].

        Returns:
            Normalised chunks, [M, B, H, A].
        """
        with torch.no_grad():
            return self.policy.sample(self.policy.condition(batch), noise)

    def convert(self, chunks: Tensor, joints: Tensor) -> Tensor:
        """Chunks in the critic's units, and of as many steps as it judges.

        Args:
            chunks: Chunks in the policy's units, [M, B, H, A].
            joints: Measured joint positions, [B, S].

        Returns:
            Normalised chunks, [M, B, h, A].
        """
        if self._same:
            return chunks[:, :, : self._steps]
        policy = self.policy
        measured = joints.cpu().numpy()
        rows = policy.space.absolute(policy.normaliser.unchunk(chunks.cpu().numpy()), measured)
        return self._transform.chunks(rows[:, :, : self._steps], measured)

    def chunks(self, batch: ObservationBatch, noise: Tensor) -> Tensor:
        """Chunks in the critic's units, [M, B, h, A]; see `sample`."""
        return self.convert(self.sample(batch, noise), batch.joints)


class StoredObservations:
    """Observations of a store as one reader of its frames gets them; frames are read when they are asked for.

    Args:
        store: Store of the episodes.
        features: What is stored of their frames for that reader.
        device: Device of the tensors.
    """

    def __init__(self, store: EpisodeStore, features: FrameStore, device: torch.device) -> None:
        self._features = features
        self._device = device
        self._frame = store.column("frame")
        self._state = store.column("state")
        self._first = np.array([episode.first_tick for episode in store.episodes])
        self._prompts = tuple(dict.fromkeys(episode.prompt for episode in store.episodes))
        numbers = {prompt: number for number, prompt in enumerate(self._prompts)}
        self._prompt_of = np.array([numbers[episode.prompt] for episode in store.episodes], np.int64)

    def at(self, row: Index) -> ObservationBatch:
        """The observations at rows of the store [n]."""
        episode = np.searchsorted(self._first, row, side="right") - 1
        return ObservationBatch(
            features=torch.from_numpy(self._features.take(self._frame[row])).to(self._device),
            joints=torch.from_numpy(self._state[row]).to(self._device),
            prompts=self._prompts,
            prompt_index=torch.from_numpy(self._prompt_of[episode]).to(self._device),
        )


class ChunkSource(Protocol):
    """Chunks of a policy in states of a store; `StoredProposer` is one.

    Attributes:
        version: Version of the policy.
        stochastic: Whether several samples in one state differ.
        noise_shape: Shape [H, A] of the noise behind one chunk.
    """

    version: str
    stochastic: bool
    noise_shape: tuple[int, int]

    def at(self, row: Index, noise: Tensor) -> Tensor:
        """Chunks in a critic's units [M, n, h, A], at rows [n] of the store, of noise [M, n, H, A]."""
        ...


class StoredProposer:
    """Chunks of a policy in states of a store; see `ChunkSource`."""

    def __init__(self, proposer: Proposer, observations: StoredObservations) -> None:
        policy = proposer.policy
        self.version = policy.version
        self.stochastic = policy.stochastic
        self.noise_shape = (policy.action_horizon, policy.rig.action_dim)
        self.proposer = proposer
        self.observations = observations

    def at(self, row: Index, noise: Tensor) -> Tensor:
        """See `ChunkSource`."""
        return self.proposer.chunks(self.observations.at(row), noise)

    def propose(self, row: Index) -> Propose:
        """Chunks at rows [n], drawn when they are needed."""
        return lambda noise: self.at(row, noise)


def drawn_chunks(source: ChunkSource, row: Index, count: int, device: torch.device) -> Tensor:
    """`count` chunks at each row of a store, of noise by torch's global generator: [count, n, h, A]."""
    return source.at(row, torch.randn(count, len(row), *source.noise_shape, device=device))
