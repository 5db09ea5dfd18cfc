"""What a critic says about chunks, as numbers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Estimates:
    """Opinions about n chunks, each in its own state.

    Attributes:
        q: Value of each chunk by each critic, float32 [K, n].
        aggregated: The ensemble's value as targets aggregate it in training, [n].
        value: V, the mean of the aggregated values of the policy's own chunks in that state, [n].
    """

    q: Array
    aggregated: Array
    value: Array

    @property
    def advantage(self) -> Array:
        """Aggregated Q minus V [n]."""
        return self.aggregated - self.value

    @property
    def spread(self) -> Array:
        """Standard deviation over critics [n]."""
        return self.q.std(0)

    @classmethod
    def joined(cls, parts: Sequence["Estimates"]) -> "Estimates":
        """All chunks of several parts."""
        columns = zip(*((part.q, part.aggregated, part.value) for part in parts), strict=True)
        return cls(*(np.concatenate(column, axis=-1) for column in columns))
