"""A checkpoint is one folder: weights and normaliser (safetensors), configuration, rig contract, and their sha256.

    config.json            kind of policy, sizes, sampling options, how it was trained
    rig_contract.json      what the policy assumes of a rig
    model.safetensors      weights
    normaliser.safetensors statistics of states and actions
    sha256                 version: hash over the four files above
    README.md              model card
Nothing in it is unpickled.
"""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from aloe_data.durable import put_in_place
from aloe_data.rig import Rig

HASHED = ("config.json", "rig_contract.json", "model.safetensors", "normaliser.safetensors")


class CheckpointError(ValueError):
    """A checkpoint that is missing, damaged or made for another rig; the message says which and what to do."""


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint in memory."""

    path: Path
    version: str
    config: Mapping[str, Any]
    rig_contract: Mapping[str, Any]
    weights: Mapping[str, torch.Tensor]
    normaliser: Mapping[str, torch.Tensor]


def save_checkpoint(
    path: Path,
    config: Mapping[str, Any],
    rig: Rig,
    weights: Mapping[str, torch.Tensor],
    normaliser: Mapping[str, torch.Tensor],
    card: str,
) -> str:
    """Write a checkpoint; the folder appears complete or not at all. Returns its version (sha256, hex)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    try:
        _write_json(draft / "config.json", config)
        _write_json(draft / "rig_contract.json", rig.contract_fields())
        save_file({k: v.detach().contiguous().cpu() for k, v in weights.items()}, draft / "model.safetensors")
        save_file({k: v.contiguous() for k, v in normaliser.items()}, draft / "normaliser.safetensors")
        version = folder_hash(draft)
        (draft / "sha256").write_text(version + "\n")
        (draft / "README.md").write_text(card)
        draft.chmod(0o755)
        put_in_place(draft, path)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    return version


def read_checkpoint(path: Path, rig: Rig | None = None) -> Checkpoint:
    """Read and verify a checkpoint.

    Args:
        path: the folder.
        rig: the rig that it is to drive; None skips that check.

    Raises:
        CheckpointError: a file is missing or damaged, the hash is wrong, or it was made for another rig.
    """
    missing = [name for name in (*HASHED, "sha256") if not (path / name).is_file()]
    if missing:
        what = "no such folder" if not path.is_dir() else f"{', '.join(missing)} missing"
        raise CheckpointError(f"{path}: not a checkpoint: {what}; name the folder that `train` wrote")
    stated = stated_version(path)
    version = folder_hash(path)
    if stated != version:
        raise CheckpointError(
            f"{path}: its files hash to {version[:12]}, its sha256 file says {stated[:12]}; copy it again or train anew"
        )
    try:
        config = json.loads((path / "config.json").read_text())
        contract = json.loads((path / "rig_contract.json").read_text())
        weights, normaliser = (load_file(path / f"{name}.safetensors") for name in ("model", "normaliser"))
    except (json.JSONDecodeError, SafetensorError, UnicodeDecodeError) as error:
        raise CheckpointError(f"{path}: cannot be read: {error}; copy it again or train anew") from error
    if rig is not None:
        check_contract(path, contract, rig)
    return Checkpoint(path, version, config, contract, weights, normaliser)


def stated_version(path: Path) -> str:
    """The version that a checkpoint's folder says it has, before anything large is read; "" where it says none."""
    file = path / "sha256"
    return file.read_text().strip() if file.is_file() else ""


def check_contract(path: Path, contract: Mapping[str, Any], rig: Rig) -> None:
    """Refuse a checkpoint that was trained for another rig, naming every field that differs.

    Raises:
        CheckpointError: with field, the checkpoint's value and the rig's.
    """
    wanted = rig.contract_fields()
    there, here = ({key: json.dumps(value) for key, value in fields.items()} for fields in (contract, wanted))
    differing = [
        f"{key}: checkpoint {there.get(key, 'nothing')}, rig {here.get(key, 'nothing')}"
        for key in sorted({*there, *here})
        if there.get(key) != here.get(key)  # as text: the order of cameras and arms counts
    ]
    if differing:
        raise CheckpointError(
            f"{path}: made for another rig than '{rig.name}'; {'; '.join(differing)}. "
            "Use the rig file it was trained with, or train a policy for this rig"
        )


def folder_hash(path: Path) -> str:
    """sha256 (hex) over the names and contents of the hashed files."""
    digest = hashlib.sha256()
    for name in HASHED:
        digest.update(name.encode() + b"\0" + hashlib.sha256((path / name).read_bytes()).digest())
    return digest.hexdigest()


def _write_json(path: Path, value: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n")
