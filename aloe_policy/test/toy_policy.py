"""A tiny VLA of toy sizes without a rig: tests say themselves what its network reads."""

import torch

from aloe_policy.advantage_condition import AdvantageCondition
from aloe_policy.chunk_batch import ChunkBatch
from aloe_policy.observation_batch import ObservationBatch
from aloe_policy.tiny.augmentation import Renaming
from aloe_policy.tiny.model import ModelConfig, TinyVLA
from aloe_policy.tiny.policy import TinyPolicy


class ToyPolicy(TinyPolicy):
    """Features are the network's tokens, joints its normalised state."""

    def __init__(
        self, sizes: ModelConfig, token_dropout: float = 0.0, advantage: AdvantageCondition | None = None
    ) -> None:
        self.model = TinyVLA(sizes).eval()
        self.num_steps = 10
        self.token_dropout = token_dropout
        self.advantage = advantage
        self._device = torch.device("cpu")
        self._rename = Renaming(sizes.keypoints)
        self._flow = None
        self._prompts = ()
        self._words = torch.zeros(0)

    def inputs(self, batch: ObservationBatch) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        return batch.features, self._words_of(batch), batch.joints


def toy_batch(
    features: torch.Tensor, joints: torch.Tensor, chunks: torch.Tensor, prompts: tuple[str, ...], **more: torch.Tensor
) -> ChunkBatch:
    """A batch whose chunks all count, with one prompt for all or one for each."""
    n = len(chunks)
    index = torch.arange(n) if len(prompts) == n else torch.zeros(n, dtype=torch.long)
    observations = ObservationBatch(features, joints, prompts, index, more.get("good"))
    return ChunkBatch(observations, chunks, torch.ones(chunks.shape[:2]), more.get("weight", torch.ones(n)))
