"""What a policy learns from in one step: observations, the chunks that follow them, and what each of these counts."""

from dataclasses import dataclass

from torch import Tensor

from aloe_policy.observation_batch import ObservationBatch


@dataclass(frozen=True, eq=False)
class ChunkBatch:
    """B observations and the chunks to learn after them.

    Attributes:
        observations: B observations.
        chunks: Normalised chunks relative to the observations, float32 [B, H, A].
        valid: 1 for the steps of a chunk that count, 0 past its end, float32 [B, H].
        weight: Weight of each chunk's loss, float32 [B].
    """

    observations: ObservationBatch
    chunks: Tensor
    valid: Tensor
    weight: Tensor

    def __len__(self) -> int:
        return len(self.chunks)
