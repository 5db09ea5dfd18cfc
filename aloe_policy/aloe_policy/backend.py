"""The kinds of policy, and how a checkpoint becomes one.

A kind is a folder of this package and one entry of KINDS. The folder's module `kind` says how its checkpoints are
loaded, whether it can be trained, and how one is made from nothing.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import cast

from aloe_data.config import ConfigError
from aloe_data.rig import Rig
from aloe_data.section import nearest
from aloe_policy.checkpoint import Checkpoint, CheckpointError, read_checkpoint
from aloe_policy.kind import Kind, Recipe
from aloe_policy.policy_protocol import ChunkPolicy, TrainablePolicy

__all__ = ["KINDS", "CheckpointError", "ChunkPolicy", "TrainablePolicy", "load_policy", "trainable_policy"]


def _tiny() -> Kind:
    from aloe_policy.tiny.kind import TINY  # a kind's libraries are loaded only when it is used

    return TINY


def _visual() -> Kind:
    from aloe_policy.visual.kind import VISUAL

    return VISUAL


KINDS: Mapping[str, Callable[[], Kind]] = {"tiny": _tiny, "visual": _visual}  # by `kind` of a config.json


def recipe_of(name: str, kinds: Mapping[str, Callable[[], Kind]] = KINDS) -> Recipe:
    """How policies of a kind are made from nothing.

    Raises:
        ConfigError: There is no such kind, or it cannot be made from nothing.
    """
    if name not in kinds:
        raise ConfigError(f"command line: unknown kind of policy '{name}'; {nearest(name, kinds)}")
    recipe = kinds[name]().recipe
    if recipe is None:
        able = ", ".join(other for other, entry in kinds.items() if entry().recipe is not None)
        raise ConfigError(
            f"command line: policies of kind '{name}' cannot be made from nothing; kinds that can: {able}"
        )
    return recipe


def load_policy(
    path: str | Path,
    rig: Rig,
    *,
    seed: int = 0,
    device: str = "cpu",
    kinds: Mapping[str, Callable[[], Kind]] = KINDS,
    read: Callable[[Path, Rig], Checkpoint] = read_checkpoint,
) -> ChunkPolicy:
    """Verify a checkpoint and make the policy of its kind.

    Args:
        path: Folder of the checkpoint.
        rig: Rig to drive.
        seed: Seed of the policy's sampling.
        device: Device to compute on, "cpu" or "cuda".
        kinds: Kinds of policy to choose from.
        read: Reads and verifies a checkpoint.

    Raises:
        CheckpointError: Missing or damaged files, another rig (the differing field is named), unknown kind.
    """
    checkpoint = read(Path(path), rig)
    return _loaded(_kind_of(checkpoint, kinds), checkpoint, rig, seed, device)


def trainable_policy(
    path: str | Path,
    rig: Rig,
    *,
    seed: int = 0,
    device: str = "cpu",
    kinds: Mapping[str, Callable[[], Kind]] = KINDS,
    read: Callable[[Path, Rig], Checkpoint] = read_checkpoint,
) -> TrainablePolicy:
    """Like `load_policy`, for those that train a policy or need more of it than one chunk at a time.

    Raises:
        CheckpointError: See `load_policy`; or its kind drives but cannot be trained.
    """
    checkpoint = read(Path(path), rig)
    kind = _kind_of(checkpoint, kinds)
    if not kind.trainable:
        able = ", ".join(name for name, entry in kinds.items() if entry().trainable)
        raise CheckpointError(f"{path}: its kind '{kind.name}' drives but cannot be trained; kinds that can: {able}")
    return cast(TrainablePolicy, _loaded(kind, checkpoint, rig, seed, device))


def _kind_of(checkpoint: Checkpoint, kinds: Mapping[str, Callable[[], Kind]]) -> Kind:
    name = str(checkpoint.config.get("kind", ""))
    if name not in kinds:
        hint = nearest(name, kinds)
        raise CheckpointError(
            f"{checkpoint.path}: unknown kind of policy '{name}' in config.json; {hint}; or update ALOE"
        )
    return kinds[name]()


def _loaded(kind: Kind, checkpoint: Checkpoint, rig: Rig, seed: int, device: str) -> ChunkPolicy:
    policy = kind.load(checkpoint, rig, seed=seed, device=device)
    if policy.rig_contract != rig.contract:
        raise CheckpointError(
            f"{checkpoint.path}: its {kind.name} policy is for another rig than '{rig.name}'; train one for this rig"
        )
    return policy
