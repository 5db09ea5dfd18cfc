"""The image encoder: a small convolutional network that turns one view into a grid of tokens."""

import torch
from torch import Tensor, nn

STRIDE = 16


class ImageEncoder(nn.Module):
    """One view to tokens; the same weights serve every camera.

    Args:
        width: token dimension D.
    """

    def __init__(self, width: int = 96) -> None:
        super().__init__()
        channels = (24, 48, 64, width)
        layers: list[nn.Module] = []
        previous = 3
        for i, c in enumerate(channels):
            kernel = 5 if i == 0 else 3
            layers += [nn.Conv2d(previous, c, kernel, 2, kernel // 2), nn.GroupNorm(8, c), nn.SiLU()]
            previous = c
        layers += [nn.Conv2d(width, width, 3, 1, 1), nn.GroupNorm(8, width), nn.SiLU()]
        self.layers = nn.Sequential(*layers)
        self.width = width

    def forward(self, images: Tensor) -> Tensor:
        """Tokens of each view.

        Args:
            images: uint8 [B, h, w, 3], h and w multiples of 16.

        Returns:
            [B, (h/16) * (w/16), D], row by row.
        """
        x = images.permute(0, 3, 1, 2).to(self.layers[0].weight.dtype) / 127.5 - 1.0  # type: ignore[arg-type]
        return self.layers(x).flatten(2).transpose(1, 2)


class KeypointHead(nn.Module):
    """Says for every cell of the grid which keypoints lie in it, and where; used in pretraining only.

    Args:
        width: token dimension.
        num_keypoints: K.
    """

    def __init__(self, width: int, num_keypoints: int) -> None:
        super().__init__()
        self.out = nn.Linear(width, num_keypoints * 3)
        self.num_keypoints = num_keypoints

    def forward(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Presence logits [B, N, K] and offsets in the cell [B, N, K, 2], each 0 to 1 from its upper left."""
        out = self.out(tokens).unflatten(-1, (self.num_keypoints, 3))
        return out[..., 0], out[..., 1:]


def keypoint_loss(logits: Tensor, offsets: Tensor, keypoints: Tensor, grid: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Cross-entropy of presence per cell, and squared error of the offset where a keypoint is.

    Args:
        logits: [B, N, K].
        offsets: [B, N, K, 2].
        keypoints: [B, K, 3]: u, v in 0..1 and visible (0 or 1).
        grid: rows and columns, N = rows * columns.

    Returns:
        presence loss and offset loss (in squared cells), scalars.
    """
    rows, columns = grid
    visible = keypoints[..., 2] > 0.5
    column, row = keypoints[..., 0] * columns, keypoints[..., 1] * rows
    cell = row.long().clamp(0, rows - 1) * columns + column.long().clamp(0, columns - 1)  # [B, K]
    present = torch.zeros_like(logits)
    present.scatter_(1, cell[:, None, :], visible.to(logits.dtype)[:, None, :])
    weight = torch.where(present > 0, 8.0, 1.0)
    presence = nn.functional.binary_cross_entropy_with_logits(logits, present, weight)
    index = cell[:, None, :, None].expand(-1, -1, -1, 2)
    predicted = offsets.gather(1, index)[:, 0]
    wanted = torch.stack([column - column.floor(), row - row.floor()], dim=-1)
    error = (predicted - wanted).square().sum(-1)
    return presence, (error * visible).sum() / visible.sum().clamp(min=1)
