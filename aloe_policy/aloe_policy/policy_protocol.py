"""What every policy offers to those that drive with it, and what it offers beside that to those that train it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from aloe_data.feature_spec import FeatureSpec
from aloe_data.observation import Observation
from aloe_data.rig import Rig
from aloe_policy.actions import ActionSpace, Normaliser
from aloe_policy.advantage_condition import AdvantageCondition
from aloe_policy.committed import Committed
from aloe_policy.encoders.registry import FrameEncoder
from aloe_policy.observation_batch import ObservationBatch


class ChunkPolicy(Protocol):
    """A policy that proposes action chunks for one rig.

    Attributes:
        version: sha256 (hex) of weights, normaliser and rig contract.
        rig_contract: `Rig.contract` of the rig that it drives.
    """

    version: str
    rig_contract: str

    def infer(self, observation: Observation) -> NDArray[np.float32]:
        """Absolute set points float32 [H, A] for the ticks from the observation's time on."""
        ...

    def warm_up(self) -> None:
        """Make the first `infer` as fast as the later ones."""
        ...


class Condition(Protocol):
    """What a policy computes of B observations before it reads any chunk; only the policy knows what is in it."""

    def __len__(self) -> int: ...

    def repeat(self, count: int) -> "Condition":
        """All observations, `count` times after one another: count * B."""
        ...


@dataclass(frozen=True, eq=False)
class Trainable:
    """The part of a policy that trains.

    Attributes:
        module: Module whose training mode decides whether the policy augments its inputs and drops parts of them.
        parameters: Parameters that train, by name, in an order that stays the same from call to call.
        matrices: Names of those parameters that are matrices inside transformer blocks; Muon trains them.
    """

    module: nn.Module
    parameters: Mapping[str, nn.Parameter]
    matrices: frozenset[str]

    @property
    def device(self) -> Any:
        """Device of the parameters."""
        return next(iter(self.parameters.values())).device


class TrainablePolicy(ChunkPolicy, Protocol):
    """A policy that learns: all that learner, critic, weights and rounds know of one.

    Attributes:
        rig: Rig that it drives.
        space: Action space in which its chunks are relative to the arms' measured positions.
        normaliser: Statistics by which its chunks are normalised.
        feature_spec: Description of what is stored of a camera frame for it.
        frame_encoder: Frozen encoder that makes it; `PixelEncoder` where the frames themselves are stored.
        stochastic: Whether several samples of one observation differ.
        advantage: What it is asked for beside the prompt; None: nothing.
    """

    rig: Rig
    space: ActionSpace
    normaliser: Normaliser
    stochastic: bool
    advantage: AdvantageCondition | None

    @property
    def feature_spec(self) -> FeatureSpec: ...

    @property
    def frame_encoder(self) -> FrameEncoder: ...

    @property
    def action_horizon(self) -> int:
        """H, steps of a chunk."""
        ...

    def observe(self, observation: Observation) -> ObservationBatch:
        """One live observation (B = 1) with the features that a store would hold of it."""
        ...

    def condition(self, batch: ObservationBatch) -> Condition:
        """What `sample` and `loss` need of B observations.

        While the module of `trainable()` is in training mode, inputs are augmented by torch's global generator.

        Args:
            batch: Observations; where `good` is given, it decides what the policy is told of each, else `advantage`.

        Raises:
            ValueError: A prompt that the policy cannot read.
        """
        ...

    def sample(self, condition: Condition, noise: Tensor, committed: Committed | None = None) -> Tensor:
        """Several chunks per observation, the condition computed once.

        Args:
            condition: Condition of B observations.
            noise: Noise ~ N(0, I), [M, B, H, A].
            committed: Normalised rows that every chunk begins with; they are in the samples exactly.

        Returns:
            Normalised chunks, float32 [M, B, H, A].
        """
        ...

    def loss(self, condition: Condition, chunks: Tensor) -> Tensor:
        """Loss per sample and step [B, H] of normalised chunks [B, H, A], never pre-averaged.

        Random numbers are drawn by torch's global generator.
        """
        ...

    def trainable(self) -> Trainable:
        """The part that trains."""
        ...

    def save(self, folder: Path, training: Mapping[str, Any], card: str) -> str:
        """Write a checkpoint.

        Args:
            folder: Folder to write; one that is there is replaced.
            training: Facts about the training, for its config.json.
            card: Text of the model card.

        Returns:
            Version of the checkpoint.
        """
        ...
