"""What networks read of keypoint tokens: places with their sines, and displacements from the tools.

Data format (B batch, C cameras, D tool views, K keypoints):
    tokens   [B, C + D, K, 3]     u, v and presence in the views of the cameras; then, for each tool, displacements from
                                  it (`Triangulation`), where the mounts of the cameras are known
"""

import torch
from torch import Tensor, nn

from aloe_policy.encoders.keypoints import TOKEN_WIDTH

OCTAVES = (0.5, 1.0, 2.0, 4.0)  # of the sines that make small displacements in the image easy to tell apart
LEAST_PRESENCE = 0.02  # of less no place can be told
PLACE_FEATURES = TOKEN_WIDTH + 4 * len(OCTAVES)
DISPLACEMENT_FEATURES = 6
NEAR = 5.0  # how much finer small displacements are told than large ones


def embed_views(tokens: Tensor, cameras: int, image: nn.Module, displacement: nn.Module | None) -> Tensor:
    """Embeddings [B, V, K, width] of tokens [B, V, K, 3]: `image` reads views of cameras, `displacement` all others."""
    embedded: Tensor = image(place_features(tokens[:, :cameras]))
    if displacement is None:
        return embedded
    return torch.cat([embedded, displacement(displacement_features(tokens[:, cameras:]))], dim=1)


def place_features(tokens: Tensor) -> Tensor:
    """Place times presence, presence, and sines of the place times presence, [..., 3 + 16]; zero for what is not there.

    Tokens hold the place already multiplied by presence. Its sines are of the place itself: what is half seen is where
    it is, and not half as far out.
    """
    presence = tokens[..., 2:]
    place = tokens[..., :2] / presence.clamp(min=LEAST_PRESENCE)
    angle = torch.cat([torch.pi * octave * place for octave in OCTAVES], dim=-1)
    return torch.cat([tokens, angle.sin() * presence, angle.cos() * presence], dim=-1)


def displacement_features(tokens: Tensor) -> Tensor:
    """Displacements [..., 3], and the same magnified and cut off, to tell small ones apart: [..., 6]."""
    return torch.cat([tokens, (NEAR * tokens).clamp(-2.0, 2.0)], dim=-1)
