"""Chunks that a policy proposes, in the rig's units: what a critic compares, and what a policy's `infer` returns."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aloe_policy.committed import Committed
from aloe_policy.observation_batch import ObservationBatch
from aloe_policy.policy_protocol import TrainablePolicy

Array = NDArray[np.float32]


def propose(
    policy: TrainablePolicy,
    batch: ObservationBatch,
    count: int,
    seed: int,
    committed: Committed | None = None,
    *,
    same_noise: bool = False,
) -> Array:
    """Several chunks per observation.

    Args:
        policy: Policy that proposes.
        batch: B observations.
        count: M, chunks per observation.
        seed: Seed of the noise; equal seeds give equal chunks.
        committed: Absolute rows [B, H, A] that all chunks of an observation hold.
        same_noise: Whether all observations get the same M draws of noise, so that chunks of different observations
            differ by what is observed and not by the draw.

    Returns:
        Absolute set points in the rig's units, float32 [M, B, H, A].
    """
    noise = _noise(policy, count, 1 if same_noise else len(batch), seed)
    noise = noise.expand(-1, len(batch), -1, -1).to(batch.joints.device)
    return rows_of_samples(policy, batch, noise, committed)


def rows_of_samples(
    policy: TrainablePolicy, batch: ObservationBatch, noise: Tensor, committed: Committed | None = None
) -> Array:
    """What a policy samples of noise [M, B, H, A], as absolute set points in the rig's units, [M, B, H, A].

    Args:
        policy: Policy that samples.
        batch: B observations.
        noise: Noise ~ N(0, I), [M, B, H, A].
        committed: Absolute rows [B, H, A] that the chunks hold, exactly.
    """
    joints = batch.joints.cpu().numpy()
    condition = policy.condition(batch)
    if committed is None:
        chunks = policy.sample(condition, noise)
        return _absolute(policy, chunks, joints)
    chunks = policy.sample(condition, noise, normalised(policy, committed, joints))
    columns = committed.columns(policy.rig).cpu().numpy()
    return np.where(columns, committed.rows.cpu().numpy(), _absolute(policy, chunks, joints))


def normalised(policy: TrainablePolicy, committed: Committed, joints: Array) -> Committed:
    """Committed rows as a policy's flow sees them.

    What is committed will be executed, however far it is from the training data: unlike chunks to learn, it is not
    clipped. Values that are not committed may be anything, NaN too; they become 0.

    Args:
        policy: Policy whose space and statistics are used.
        committed: Absolute rows [B, H, A] in the rig's units.
        joints: Measured joint positions that the rows are relative to, [B, S].
    """
    statistics = policy.normaliser
    relative = policy.space.relative(committed.rows.cpu().numpy(), joints)
    rows = (relative - statistics.action_mean) / statistics.action_std
    rows = np.where(committed.columns(policy.rig).cpu().numpy(), rows, 0.0).astype(np.float32)
    return Committed(torch.from_numpy(rows).to(committed.rows.device), committed.mask)


def _noise(policy: TrainablePolicy, count: int, observations: int, seed: int) -> Tensor:
    shape = count, observations, policy.action_horizon, policy.rig.action_dim
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def _absolute(policy: TrainablePolicy, chunks: Tensor, joints: Array) -> Array:
    return policy.space.absolute(policy.normaliser.unchunk(chunks.cpu().numpy()), joints)
