"""What a kind of policy is to those that load, train and make policies: one entry of the registry in `backend`."""

from dataclasses import dataclass
from typing import Any, Protocol

from aloe_data.config import parameter
from aloe_data.rig import Rig
from aloe_policy.actions import Normaliser
from aloe_policy.checkpoint import Checkpoint
from aloe_policy.encoders.registry import FrameEncoder
from aloe_policy.learner import LearnerConfig
from aloe_policy.policy_protocol import ChunkPolicy, TrainablePolicy


class Load(Protocol):
    """Makes a policy of one kind from a verified checkpoint.

    Raises:
        CheckpointError: It is not one of this kind, or for another rig.
    """

    def __call__(self, checkpoint: Checkpoint, rig: Rig, *, seed: int, device: str) -> ChunkPolicy: ...


@dataclass(frozen=True)
class PolicyOptions:
    """Options of `train` that every kind of policy has; a kind adds its own."""

    action_horizon: int = parameter(50, unit="ticks", low=1, high=1000, doc="H, steps of the chunks that it predicts")


class FrameEncoderOf(Protocol):
    """The encoder of the frames that a policy with these options learns from, or `PixelEncoder`.

    Raises:
        ConfigError: Options that make no sense for this rig, or files that cannot be read.
    """

    def __call__(self, options: Any, rig: Rig, device: str) -> FrameEncoder: ...


class Create(Protocol):
    """A policy that has learned nothing yet; its weights are drawn by torch's global generator.

    Args:
        options: Options of the kind.
        rig: Rig to drive.
        frame_encoder: Encoder that `FrameEncoderOf` gave for these options.
        normaliser: Statistics of the data.
        device: Device to train on.

    Raises:
        ConfigError: Options that do not fit together.
    """

    def __call__(
        self, options: Any, rig: Rig, frame_encoder: FrameEncoder, normaliser: Normaliser, device: str
    ) -> TrainablePolicy: ...


@dataclass(frozen=True)
class Recipe:
    """How policies of a kind are made from nothing.

    Attributes:
        options: Dataclass of the kind's options, a `PolicyOptions`; they join those of `train`.
        frame_encoder: Gives what makes features of frames, before any bag is read.
        create: Makes the policy, once the statistics of the data are known.
        about: What the network is and where its limits lie, for the model card.
        learning: Dataclass of the learner's options, with the defaults of the kind.
    """

    options: type[Any]
    frame_encoder: FrameEncoderOf
    create: Create
    about: str
    learning: type[LearnerConfig] = LearnerConfig


@dataclass(frozen=True)
class Kind:
    """One kind of policy.

    Attributes:
        name: Name of the kind, `kind` of its checkpoints' config.json.
        load: Makes a policy of a checkpoint.
        trainable: Whether these policies are `TrainablePolicy`.
        recipe: How one is made from nothing; None: it cannot be.
    """

    name: str
    load: Load
    trainable: bool = False
    recipe: Recipe | None = None
