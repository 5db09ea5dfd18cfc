"""Stops a critic's training that has gone wrong, and says how."""

import math

import torch
from torch import Tensor

TOLERANCE = 0.25  # of the bounds' width by which a mean over a batch may be out
DEAD_STD = 1e-5  # of the bounds' width; a critic that varies less over a batch says nothing


class DivergenceError(RuntimeError):
    """Training went wrong; the message says what was measured, what it means and what to change."""


class Guard:
    """Watches every step.

    Args:
        bounds: Least and largest return that the reward allows.
        patience: Steps in a row that may be out of bounds, or with a dead head.
    """

    def __init__(self, bounds: tuple[float, float], patience: int) -> None:
        self._bounds = bounds
        self._patience = patience
        self.out_of_bounds = self.dead = 0

    def check(self, loss: float, gradient: float, q: Tensor, target: Tensor) -> None:
        """Check one step.

        Args:
            loss: Loss of the step.
            gradient: Norm of the gradient before clipping.
            q: Values of the executed chunks, [K, B].
            target: TD targets, [B].

        Raises:
            DivergenceError: Not finite, out of bounds for long, or a dead head.
        """
        if not (math.isfinite(loss) and math.isfinite(gradient)):
            cause = "the targets are not finite: look for NaN in the data" if not torch.isfinite(target).all() else ""
            raise DivergenceError(f"loss {loss}, gradient {gradient}: {cause or 'lower learning_rate'}")
        low, high = self._bounds
        mean = q.mean(1)
        width = high - low
        out = (mean < low - TOLERANCE * width) | (mean > high + TOLERANCE * width)
        self.out_of_bounds = self.out_of_bounds + 1 if out.any() else 0
        if self.out_of_bounds > self._patience:
            raise DivergenceError(
                f"Q of critic {int(out.nonzero()[0])} is {float(mean[out][0]):.3g} on average, but returns lie in "
                f"{low:g} to {high:g}: the bootstrap feeds on itself; lower learning_rate, or take more data"
            )
        spread = q.std(1, correction=0)
        varied = target.std(correction=0) > 100 * DEAD_STD * width
        dead = spread < DEAD_STD * width
        self.dead = self.dead + 1 if varied and dead.any() else 0
        if self.dead > self._patience:
            raise DivergenceError(
                f"critic {int(dead.nonzero()[0])} gives {float(q[dead][0].mean()):.4g} whatever it sees while its "
                "targets vary: a dead head; lower learning_rate or take another seed"
            )
