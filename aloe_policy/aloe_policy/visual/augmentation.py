"""Other pictures of the same scene: in another light, and a few pixels further on."""

import torch
from torch import Tensor, nn

# largest changes; brightness of a range of 2
_GAIN = 0.15
_TINT = 0.075
_BRIGHTNESS = 0.1


def recoloured(frames: Tensor, strength: float) -> Tensor:
    """Frames in another light, each in its own.

    Args:
        frames: Frames in -1..1, [B, C, 3, h, w].
        strength: Share of the largest changes, 0 to 1.
    """
    shape = frames.shape[:2]
    gain = 1 + strength * _GAIN * _between(*shape, 1, 1, 1, like=frames)
    tint = 1 + strength * _TINT * _between(*shape, 3, 1, 1, like=frames)
    return frames * (gain * tint) + strength * _BRIGHTNESS * _between(*shape, 1, 1, 1, like=frames)


def shifted(frames: Tensor, most: int) -> tuple[Tensor, Tensor]:
    """Frames moved by whole pixels, each by its own, and by how much.

    The network is told, so that places stay exact: what it learns is to find things wherever they are, and not that
    the camera may have moved, which would cost it the precision of grasping.

    Args:
        frames: Frames [B, C, 3, h, w].
        most: Most pixels in each direction.

    Returns:
        The frames, and the movement in u and v (2 is the width, or the height, of the frame), [B, C, 2].
    """
    batch, cameras, _, height, width = frames.shape
    start = torch.randint(0, 2 * most + 1, (batch * cameras, 2)).tolist()
    padded = nn.functional.pad(frames.flatten(0, 1), (most, most, most, most), mode="replicate")
    cut = [one[:, top : top + height, left : left + width] for one, (left, top) in zip(padded, start, strict=True)]
    moved = most - torch.tensor(start, dtype=frames.dtype, device=frames.device)
    moved = moved * 2 / torch.tensor([width, height], dtype=frames.dtype, device=frames.device)
    return torch.stack(cut).unflatten(0, (batch, cameras)), moved.unflatten(0, (batch, cameras))


def _between(*shape: int, like: Tensor) -> Tensor:
    """Random numbers in -1..1."""
    return 2 * torch.rand(shape, device=like.device, dtype=like.dtype) - 1
