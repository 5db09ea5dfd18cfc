"""What a training says while it runs: metrics for TensorBoard, measures beside the progress bar."""

from typing import Any

from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

LOG_EVERY = 20  # steps between logged metrics; measures are always logged


class Reporter:
    """Takes the metrics of every step.

    Args:
        log: TensorBoard's log.
        bar: Progress bar of the training.
        measures: How the names of held-out measures begin.
        shown: Names of the metrics that stand beside the bar, without `prefix`, from one measure to the next.
        prefix: What the names of those metrics begin with.
        digits: Number of digits behind the decimal point beside the bar.
    """

    def __init__(
        self,
        log: SummaryWriter,
        bar: "tqdm[Any]",
        measures: str,
        shown: tuple[str, ...],
        prefix: str = "",
        digits: int = 4,
    ) -> None:
        self._log = log
        self._bar = bar
        self._measures = measures
        self._shown = shown
        self._prefix = prefix
        self._digits = digits

    def __call__(self, step: int, metrics: dict[str, float]) -> None:
        self._bar.update(step - self._bar.n)
        measured = any(name.startswith(self._measures) for name in metrics)
        if measured or step % LOG_EVERY == 0:
            for name, value in metrics.items():
                self._log.add_scalar(name, value, step)
        if measured:
            there = {name: metrics[full] for name in self._shown if (full := f"{self._prefix}{name}") in metrics}
            self._bar.set_postfix({name: f"{value:.{self._digits}f}" for name, value in there.items()})
