"""What every policy offers, and how a checkpoint becomes one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from aloe_data.feature_spec import FeatureSpec
from aloe_data.observation import Observation
from aloe_data.rig import Rig
from aloe_data.section import nearest
from aloe_policy.actions import ActionSpace, Normaliser
from aloe_policy.checkpoint import Checkpoint, CheckpointError, read_checkpoint
from aloe_policy.observation_batch import ObservationBatch

__all__ = ["BACKENDS", "Backend", "CheckpointError", "ChunkPolicy", "load_policy"]


class ChunkPolicy(Protocol):
    """A policy that proposes action chunks for one rig.

    Attributes:
        version: sha256 (hex) of weights, normaliser and rig contract.
        rig_contract: `Rig.contract` of the rig it drives.
    """

    version: str
    rig_contract: str

    def infer(self, observation: Observation) -> NDArray[np.float32]:
        """Absolute set points float32 [H, A] for the ticks from the observation's time on."""
        ...

    def warm_up(self) -> None:
        """Make the first `infer` as fast as the later ones."""
        ...


class Condition(Protocol):
    """What a policy computes of B observations before it looks at any chunk; only the policy knows what is in it."""

    def __len__(self) -> int: ...

    def repeat(self, count: int) -> "Condition":
        """All observations, `count` times after one another: count * B."""
        ...


@dataclass(frozen=True, eq=False)
class Committed:
    """Rows of chunks that will be executed whatever is sampled.

    Attributes:
        rows: Normalised rows, float32 [B, H, A].
        mask: Which of them are committed, per arm: bool [B, H, arms].
    """

    rows: Tensor
    mask: Tensor


@dataclass(frozen=True, eq=False)
class Trainable:
    """What of a policy trains.

    Attributes:
        module: Module whose training mode counts.
        parameters: Parameters that train, by name.
        matrices: Names of those that are matrices inside transformer blocks; Muon's.
    """

    module: nn.Module
    parameters: Mapping[str, nn.Parameter]
    matrices: frozenset[str]


class TrainablePolicy(ChunkPolicy, Protocol):
    """A policy that learns: all that learner, critic, weights and rounds know of one.

    Attributes:
        rig: Rig that it drives.
        space: Action space through which it sees states and actions.
        normaliser: Statistics that its normalised chunks are in.
        feature_spec: What is stored of a frame for it.
        action_horizon: H, steps per chunk.
        stochastic: Whether more than one sample per observation means anything.
    """

    rig: Rig
    space: ActionSpace
    normaliser: Normaliser
    feature_spec: FeatureSpec
    stochastic: bool

    @property
    def action_horizon(self) -> int: ...

    def encode(self, frames: NDArray[np.uint8]) -> NDArray[Any]:
        """The frozen part: features [n, *shape] of frames uint8 [n, h, w, 3]; for pixels, the frames."""
        ...

    def observe(self, observation: Observation) -> ObservationBatch:
        """One live observation, as if it came from a store.

        Raises:
            ValueError: A prompt that the policy cannot read.
        """
        ...

    def condition(self, batch: ObservationBatch) -> Condition:
        """What `sample` and `loss` need of B observations; in training mode augmented."""
        ...

    def sample(self, condition: Condition, noise: Tensor, committed: Committed | None = None) -> Tensor:
        """Normalised chunks [M, B, H, A] of noise ~ N(0, I) of that shape, the condition computed once."""
        ...

    def loss(self, condition: Condition, chunks: Tensor) -> Tensor:
        """Flow loss per sample and step [B, H] of normalised chunks [B, H, A]; noise by torch's global generator."""
        ...

    def trainable(self) -> Trainable:
        """What trains."""
        ...

    def save(self, folder: Path, training: Mapping[str, Any], card: str) -> str:
        """Write a checkpoint; returns its version."""
        ...


class Backend(Protocol):
    """Makes a policy of one kind from a verified checkpoint."""

    def __call__(self, checkpoint: Checkpoint, rig: Rig, *, seed: int, device: str) -> ChunkPolicy: ...


def _tiny(checkpoint: Checkpoint, rig: Rig, *, seed: int, device: str) -> ChunkPolicy:
    from aloe_policy.tiny.policy import TinyPolicy  # a backend's libraries are loaded only when it is used

    return TinyPolicy(checkpoint, rig, seed=seed, device=device)


BACKENDS: Mapping[str, Backend] = {"tiny": _tiny}  # by `kind` of a checkpoint's config.json


def load_policy(
    path: str | Path,
    rig: Rig,
    *,
    seed: int = 0,
    device: str = "cpu",
    backends: Mapping[str, Backend] = BACKENDS,
    read: Callable[[Path, Rig], Checkpoint] = read_checkpoint,
) -> ChunkPolicy:
    """Verify a checkpoint and make the policy of its kind.

    Args:
        path: the checkpoint's folder.
        rig: the rig to drive.
        seed: of the policy's sampling.
        device: where to compute, "cpu" or "cuda".
        backends: kinds of policy to choose from.
        read: reads and verifies a checkpoint.

    Raises:
        CheckpointError: missing or damaged files, another rig (the differing field is named), unknown kind.
    """
    checkpoint = read(Path(path), rig)
    kind = str(checkpoint.config.get("kind", ""))
    if kind not in backends:
        hint = nearest(kind, backends)
        raise CheckpointError(f"{path}: unknown kind of policy '{kind}' in config.json; {hint}; or update ALOE")
    policy = backends[kind](checkpoint, rig, seed=seed, device=device)
    if policy.rig_contract != rig.contract:
        raise CheckpointError(f"{path}: its {kind} policy is for another rig than '{rig.name}'; train one for this rig")
    return policy
