"""The visual policy as a kind of policy: its options, and how one is made from nothing."""

from dataclasses import dataclass

from aloe_data.config import ConfigError, parameter
from aloe_data.rig import Rig
from aloe_policy.actions import Normaliser
from aloe_policy.encoders.pixels import PixelEncoder
from aloe_policy.encoders.registry import FrameEncoder, load_encoder
from aloe_policy.kind import Kind, PolicyOptions, Recipe
from aloe_policy.learner import LearnerConfig
from aloe_policy.visual.network import VisualNetwork, VisualSizes
from aloe_policy.visual.policy import VisualPolicy
from aloe_policy.visual.storage import KIND, Augmentation, VisualParts
from aloe_policy.visual.trunk import STRIDE

ABOUT = """It learned from pixels, words and joint positions alone: nobody labelled anything, and nothing of it knows
that there is a simulator. One image encoder serves all cameras."""
CONVOLUTIONS = "conv"
PRETRAINED = "pretrained"


@dataclass(frozen=True)
class VisualOptions(PolicyOptions):
    """What a visual policy is made with."""

    image_width: int = parameter(128, unit="px", low=STRIDE, doc="width of views; a multiple of 16")
    image_height: int = parameter(96, unit="px", low=STRIDE, doc="height of views; a multiple of 16")
    backbone: str = parameter(
        CONVOLUTIONS,
        choices=(CONVOLUTIONS, PRETRAINED),
        doc="image encoder: convolutions that train with the policy, or a frozen one that knows photographs",
    )
    width: int = parameter(VisualSizes.width, low=16, doc="of the network's tokens; a multiple of 4")
    places: int = parameter(VisualSizes.places, low=1, high=256, doc="places in a view that the network looks for")
    shift_px: int = parameter(
        Augmentation.shift_px, unit="px", low=0, high=32, doc="most pixels by which views are moved in training"
    )
    colour: float = parameter(
        Augmentation.colour, low=0.0, high=1.0, doc="strength of changes of light and tint in training"
    )


@dataclass(frozen=True)
class VisualLearning(LearnerConfig):
    """How it is trained: some six passes over 300 demonstrations were enough for phone packing."""

    steps: int = parameter(1500, low=1, doc="optimiser steps")


def visual_encoder(options: VisualOptions, rig: Rig, device: str) -> FrameEncoder:
    """What makes features of frames; see `FrameEncoderOf`."""
    size = (options.image_height, options.image_width)
    if options.backbone == PRETRAINED:
        return load_encoder(PRETRAINED, size, device)
    if size[0] % STRIDE or size[1] % STRIDE:
        raise ConfigError(f"command line: views are {size[1]}x{size[0]} px; both must be multiples of {STRIDE}")
    return PixelEncoder(size)


def create_visual(
    options: VisualOptions, rig: Rig, frame_encoder: FrameEncoder, normaliser: Normaliser, device: str
) -> VisualPolicy:
    """A visual policy that has learned nothing yet; see `Create`."""
    spec = frame_encoder.spec
    height, width = spec.image_size
    try:
        network = VisualNetwork(
            VisualSizes(
                num_cameras=len(rig.cameras),
                image_size=spec.image_size,
                state_dim=len(normaliser.state_mean),
                action_dim=rig.action_dim,
                token_width=0 if spec.is_pixels else spec.shape[1],
                grid=(height // STRIDE, width // STRIDE),
                action_horizon=options.action_horizon,
                width=options.width,
                places=options.places,
            )
        )
    except ValueError as error:
        raise ConfigError(f"command line: {error}") from error
    augmentation = Augmentation(options.shift_px, options.colour)
    return VisualPolicy(VisualParts(frame_encoder, network, normaliser, augmentation), rig, device=device)


VISUAL = Kind(
    name=KIND,
    load=VisualPolicy.from_checkpoint,
    trainable=True,
    recipe=Recipe(
        options=VisualOptions,
        frame_encoder=visual_encoder,
        create=create_visual,
        about=ABOUT,
        learning=VisualLearning,
    ),
)
