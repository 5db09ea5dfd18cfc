"""A policy's proposal for the next control ticks."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Chunk:
    """Absolute set points for the next H control ticks of all arms.

    Attributes:
        stamp_ns: Time of the observation it answers; row 0 is for the first control tick at or after it.
        chunk_id: Unique within one run of the policy node, rising by one.
        data: Float32 [H, A]; `Rig.action_layout` names the columns.
        policy_version: Sha256 (hex) of weights, normaliser and rig contract; see `guided_version`.
        observation_id: Number of the observation that it answers.
        rate_hz: Rate at which the rows are meant to be executed.
    """

    stamp_ns: int
    chunk_id: int
    data: NDArray[np.float32]
    policy_version: str
    observation_id: int
    rate_hz: float

    def __post_init__(self) -> None:
        if self.data.ndim != 2 or self.data.dtype != np.float32:
            raise ValueError(f"chunk data must be float32 [H, A], got {self.data.dtype} {list(self.data.shape)}")

    @property
    def horizon(self) -> int:
        return int(self.data.shape[0])


def guided_version(policy_version: str, critic_version: str) -> str:
    """Version of a policy among whose chunks a critic chooses: both, so that records tell by whom a chunk was made."""
    return f"{policy_version}+{critic_version}"


def policy_of(version: str) -> str:
    """Version of the policy alone, which proposes and can be trained; the same for policies that nobody guides."""
    return version.partition("+")[0]


def critic_of(version: str) -> str:
    """Version of the critic that chooses; "" if none does."""
    return version.partition("+")[2]
