"""What lets a training be stopped at any time and go on as if it had not been: its state, and its random numbers.

OUT/                 the checkpoint that it writes at its end
OUT_training/        state.pt: weights, optimiser, schedule, whatever else its learner keeps
"""

import pickle
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from aloe_data.config import ConfigError
from aloe_data.durable import replacing
from aloe_policy.checkpoint import CheckpointError


def state_file(out: Path) -> Path:
    """Where the training that writes the checkpoint `out` keeps its state."""
    return out.with_name(out.name + "_training") / "state.pt"


def save_state(file: Path, state: Mapping[str, Any]) -> None:
    """Write a training's state; it is there complete, or the one before it still is."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with replacing(file) as stream:
        torch.save(dict(state), stream)


def load_state(file: Path) -> dict[str, Any]:
    """A training's state; only tensors and plain values are read.

    Raises:
        CheckpointError: missing or damaged.
    """
    refused = f"{file}: no training to go on with"
    try:
        return torch.load(file, weights_only=True)
    except OSError as error:
        raise CheckpointError(f"{refused} ({error}); start anew without --resume") from error
    except (RuntimeError, ValueError, EOFError, KeyError, pickle.UnpicklingError) as error:
        raise CheckpointError(f"{refused} (damaged, or something else); start anew without --resume") from error


def stopped(out: Path, resume: bool) -> dict[str, Any] | None:
    """The state of the stopped training that writes `out`, if asked to go on.

    Raises:
        ConfigError: there is one, or a checkpoint, but nobody asked.
        CheckpointError: there is none.
    """
    file = state_file(out)
    if resume:
        return load_state(file)
    if file.exists():
        raise ConfigError(f"{file}: a training stands there; go on with --resume, or remove it, or change --out")
    if out.exists():
        raise ConfigError(f"{out}: is there already and is not written over; remove it, or change --out")
    return None


def check_choices(out: Path, choices: Mapping[str, Mapping[str, Any]], state: Mapping[str, Any]) -> None:
    """Refuse to go on with other choices than a training began with.

    Args:
        out: the checkpoint that it writes.
        choices: by group and name, as they are now; those of the beginning are in `state`.
        state: what was saved.

    Raises:
        ConfigError: naming each that differs.
    """
    before = state["choices"]
    changed = [
        f"{part}.{key} was {before.get(part, {}).get(key)!r}, is {value!r}"
        for part, values in choices.items()
        for key, value in values.items()
        if before.get(part, {}).get(key) != value
    ]
    if changed:
        raise ConfigError(
            f"{state_file(out)}: was trained with other choices: {'; '.join(changed)}; change them back to resume"
        )


def seed_torch(seed: int, step: int, stream: int) -> None:
    """Make torch's random numbers those of one stream of one step, whatever was drawn before."""
    key = np.random.SeedSequence((seed, step, stream))
    torch.manual_seed(int(key.generate_state(1, np.uint64)[0]))


@contextmanager
def interruptions() -> Iterator[Callable[[], bool]]:
    """Whether SIGINT or SIGTERM came; they no longer end the process."""
    asked: list[int] = []
    before = {s: signal.signal(s, lambda s, _: asked.append(s)) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(asked)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
