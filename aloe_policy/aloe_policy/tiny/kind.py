"""The tiny VLA as a kind of policy: its options, and how one is made from nothing."""

from dataclasses import dataclass
from pathlib import Path

from aloe_data.config import ConfigError, parameter
from aloe_data.rig import Rig
from aloe_policy.actions import Normaliser
from aloe_policy.encoders.keypoint_frames import KeypointEncoder
from aloe_policy.encoders.keypoints import STRIDE
from aloe_policy.encoders.registry import FrameEncoder, load_encoder
from aloe_policy.kind import Kind, PolicyOptions, Recipe
from aloe_policy.tiny.model import ModelConfig, TinyVLA
from aloe_policy.tiny.policy import TinyPolicy
from aloe_policy.tiny.storage import KIND, TOKEN_DROPOUT, TinyParts

ABOUT = """The image encoder was pretrained in simulation to say where the objects are: it saw privileged labels, the
policy does not. It is frozen; one encoder serves all cameras."""


@dataclass(frozen=True)
class TinyOptions(PolicyOptions):
    """What a tiny VLA is made with."""

    encoder: Path = parameter(doc="image encoder that `pretrain_encoder` wrote (.safetensors)")
    image_width: int = parameter(128, unit="px", low=STRIDE, doc="width of views; the encoder's")
    image_height: int = parameter(96, unit="px", low=STRIDE, doc="height of views; the encoder's")
    width: int = parameter(ModelConfig.width, low=16, doc="of the network's tokens; a multiple of 4")
    triangulate: bool = parameter(
        True, doc="tell where keypoints are in space, where the rig file says how the cameras are mounted"
    )
    token_dropout: float = parameter(
        TOKEN_DROPOUT, low=0.0, high=0.9, doc="share of image tokens that are hidden in training"
    )


def tiny_encoder(options: TinyOptions, rig: Rig, device: str) -> FrameEncoder:
    """The keypoint encoder; see `FrameEncoderOf`."""
    return load_encoder(options.encoder, (options.image_height, options.image_width), device)


def create_tiny(
    options: TinyOptions, rig: Rig, frame_encoder: FrameEncoder, normaliser: Normaliser, device: str
) -> TinyPolicy:
    """A tiny VLA that has learned nothing yet; see `Create`."""
    assert isinstance(frame_encoder, KeypointEncoder), "made by `tiny_encoder`"
    triangulated = options.triangulate and _mounts_known(rig)
    try:
        model = TinyVLA(
            ModelConfig(
                num_cameras=len(rig.cameras),
                keypoints=frame_encoder.names,
                state_dim=len(normaliser.state_mean),
                action_dim=rig.action_dim,
                action_horizon=options.action_horizon,
                width=options.width,
                tool_views=len(rig.arms) if triangulated else 0,
            )
        )
    except ValueError as error:
        raise ConfigError(f"command line: {error}") from error
    parts = TinyParts(
        encoder=frame_encoder.network,
        model=model,
        normaliser=normaliser,
        image_size=(options.image_width, options.image_height),
        token_dropout=options.token_dropout,
    )
    return TinyPolicy(parts, rig, device=device)


def _mounts_known(rig: Rig) -> bool:
    unknown = [camera.name for camera in rig.cameras if camera.name not in rig.mounts]
    if unknown:
        print(f"where camera '{unknown[0]}' is mounted is not known: keypoints are not triangulated (docs/policy.md)")
    return not unknown


TINY = Kind(
    name=KIND,
    load=TinyPolicy.from_checkpoint,
    trainable=True,
    recipe=Recipe(options=TinyOptions, frame_encoder=tiny_encoder, create=create_tiny, about=ABOUT),
)
