"""Which frozen encoder a critic reads camera frames through; it need not be that of its policy."""

import torch

from aloe_data.config import ConfigError
from aloe_data.rig import Rig
from aloe_policy.encoders.registry import FrameEncoder, load_encoder
from aloe_policy.policy_protocol import TrainablePolicy

POLICY = "policy"
WITHOUT_LABELS = "pretrained"
KEYPOINTS = "keypoints"


def critic_encoder(chosen: str, policy: TrainablePolicy, device: torch.device | str) -> FrameEncoder:
    """The encoder that was chosen; it reads frames of the size that the policy's are stored in.

    Args:
        chosen: "policy" for that of the policy, the name of another one, a keypoint encoder's file, or "" for the
            policy's where that is frozen and "pretrained" elsewhere.
        policy: Policy whose value is learned.
        device: Device to compute on.

    Raises:
        ConfigError: The policy trains its encoder, or there is no such encoder.
    """
    own = not policy.feature_spec.is_pixels
    if chosen == POLICY and not own:
        raise ConfigError(
            f"--critic-encoder {POLICY}: this policy trains its encoder, and a critic reads features that stay as they "
            f"are; give --critic-encoder {WITHOUT_LABELS}, or the file of a keypoint encoder"
        )
    if chosen == POLICY or (own and not chosen):
        return policy.frame_encoder
    return load_encoder(chosen or WITHOUT_LABELS, policy.feature_spec.image_size, device)


def is_triangulated(encoder: FrameEncoder, rig: Rig) -> bool:
    """Whether a critic reads where things are in space: of keypoints, where all cameras' mounts are known."""
    return encoder.spec.encoder == KEYPOINTS and all(camera.name in rig.mounts for camera in rig.cameras)
