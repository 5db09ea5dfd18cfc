"""Stops a critic's training that has gone wrong, and says how."""

import math

import torch
from torch import Tensor

TOLERANCE = 0.25  # of the bounds' width by which a mean over a batch may be out
DEAD_STD = 1e-5  # of the bounds' width; a critic that varies less over a batch says nothing


class DivergenceError(RuntimeError):
    """Training went wrong; the message says what is seen, what it means and what to change."""


class Guard:
    """Watches every step.

    Args:
        bounds: of the return that the reward allows.
        patience: steps in a row that are one too many.
    """

    def __init__(self, bounds: tuple[float, float], patience: int) -> None:
        self._bounds, self._patience = bounds, patience
        self.out_of_bounds = self.dead = 0

    def check(self, loss: float, gradient: float, q: Tensor, target: Tensor) -> None:
        """Look at one step.

        Args:
            loss: of the step.
            gradient: norm, before clipping.
            q: values [K, B].
            target: [B].

        Raises:
            DivergenceError: not finite, out of bounds for long, or a dead head.
        """
        if not (math.isfinite(loss) and math.isfinite(gradient)):
            cause = "the targets are not finite: look for NaN in the data" if not torch.isfinite(target).all() else ""
            raise DivergenceError(f"loss {loss}, gradient {gradient}: {cause or 'lower learning_rate'}")
        (low, high), mean = self._bounds, q.mean(1)
        width = high - low
        out = (mean < low - TOLERANCE * width) | (mean > high + TOLERANCE * width)
        self.out_of_bounds = self.out_of_bounds + 1 if out.any() else 0
        if self.out_of_bounds > self._patience:
            raise DivergenceError(
                f"Q of critic {int(out.nonzero()[0])} is {float(mean[out][0]):.3g} on average, but returns lie in "
                f"{low:g} to {high:g}: the bootstrap feeds on itself; lower learning_rate, or take more data"
            )
        spread, varied = q.std(1, correction=0), target.std(correction=0) > 100 * DEAD_STD * width
        dead = spread < DEAD_STD * width
        self.dead = self.dead + 1 if varied and dead.any() else 0
        if self.dead > self._patience:
            raise DivergenceError(
                f"critic {int(dead.nonzero()[0])} gives {float(q[dead][0].mean()):.4g} whatever it sees while its "
                "targets vary: a dead head; lower learning_rate or take another seed"
            )
