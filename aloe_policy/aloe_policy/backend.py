"""What every policy offers, and how a checkpoint becomes one."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from aloe_data.observation import Observation
from aloe_data.rig import Rig
from aloe_data.section import nearest
from aloe_policy.checkpoint import Checkpoint, CheckpointError, read_checkpoint

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


class Backend(Protocol):
    """Makes a policy of one kind from a verified checkpoint."""

    def __call__(self, checkpoint: Checkpoint, rig: Rig, *, seed: int, device: str) -> ChunkPolicy: ...


def _tiny(checkpoint: Checkpoint, rig: Rig, *, seed: int, device: str) -> ChunkPolicy:
    from aloe_policy.tiny import TinyPolicy  # a backend's libraries are loaded only when it is used

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
