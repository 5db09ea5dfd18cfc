"""How `train` and `improve` run an actor's training: progress bar, TensorBoard, and a state to go on from."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from aloe_data.config import parameter
from aloe_policy.chunk_batch import ChunkBatch
from aloe_policy.learner import ActorLearner
from aloe_policy.training import Samples, fit
from aloe_policy.training_log import Reporter
from aloe_policy.training_state import check_choices, interruptions, save_state, state_file


@dataclass(frozen=True)
class RunConfig:
    """Where a training writes, and how often."""

    out: Path = parameter(doc="checkpoint folder to write; logs and the training's state go beside it")
    evaluate_every: int = parameter(250, unit="steps", low=1, doc="between held-out measures")
    save_every: int = parameter(250, unit="steps", low=1, doc="between states to resume from")
    resume: bool = parameter(False, doc="go on with the training that was stopped")


def run(
    config: RunConfig,
    learner: ActorLearner,
    data: Samples,
    entries: NDArray[np.int64],
    held_out: ChunkBatch,
    choices: Mapping[str, Mapping[str, Any]],
    state: Mapping[str, Any] | None,
    facts: Mapping[str, float],
) -> dict[str, float] | None:
    """Train to the last step; None if it was interrupted, with its state saved.

    Args:
        config: Where to write, and how often.
        learner: Learner that has taken no step yet.
        data: Samples to learn from, see `fit`.
        entries: Entries of the samples that batches are drawn from, see `fit`.
        held_out: Batch that only measures, see `fit`.
        choices: All that the outcome depends on; a resumed training must have the same.
        state: State of the stopped training to go on with; None: the training begins.
        facts: Facts about the data, for TensorBoard.

    Raises:
        ConfigError: other choices than before.
        CollapseError: see `fit`.
    """
    if state is not None:
        check_choices(config.out, choices, state)
    done = state["learner"]["steps_done"] if state else 0
    with (
        SummaryWriter(str(config.out) + "_logs") as log,
        tqdm(total=learner.config.steps, initial=done, desc="training", unit="step") as bar,
        interruptions() as interrupted,
    ):
        for name, value in facts.items():
            log.add_scalar(name, value, done)
        measures = fit(
            learner,
            data,
            entries,
            held_out,
            report=Reporter(log, bar, "held_out_", ("loss", "held_out_loss", "held_out_rmse")),
            evaluate_every=config.evaluate_every,
            save_every=config.save_every,
            save=lambda saved: save_state(state_file(config.out), {**saved, "choices": choices}),
            stop=interrupted,
            resumed=state,
        )
    if measures is None:
        print(f"stopped at step {learner.steps_done}; go on with --resume")
    return measures
