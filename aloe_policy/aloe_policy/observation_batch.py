"""Stored or live observations as a policy is given them: in the rig's units, with nothing of any network in them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aloe_data.observation import Observation


@dataclass(frozen=True, eq=False)
class ObservationBatch:
    """B observations; an index chooses some of them.

    Attributes:
        features: What is stored of the frames [B, C, *shape], by the `FeatureSpec` of whoever reads it.
        joints: Measured joint positions, float32 [B, S], in the rig's units.
        prompts: The different prompts, of which there are few.
        prompt_index: Which of the prompts each observation has, int64 [B].
        good: Whether the chunk that follows is good, bool [B], for policies that are told so; None: nothing is told.
    """

    features: Tensor
    joints: Tensor
    prompts: tuple[str, ...]
    prompt_index: Tensor
    good: Tensor | None = None

    def __len__(self) -> int:
        return len(self.joints)

    def __getitem__(self, index: Tensor | slice) -> "ObservationBatch":
        good = None if self.good is None else self.good[index]
        return ObservationBatch(self.features[index], self.joints[index], self.prompts, self.prompt_index[index], good)


def observation_batch(observation: Observation, features: NDArray[Any], device: torch.device) -> ObservationBatch:
    """One live observation (B = 1), as if it came from a store.

    Args:
        observation: Observation whose joints and prompt are taken.
        features: Features of its views in the order of the rig's cameras, [C, *shape].
        device: Device of the tensors.
    """
    joints = np.asarray(observation.state, dtype=np.float32)
    return ObservationBatch(
        features=torch.from_numpy(features)[None].to(device),
        joints=torch.from_numpy(joints)[None].to(device),
        prompts=(observation.prompt,),
        prompt_index=torch.zeros(1, dtype=torch.long, device=device),
    )
