"""The image encoder: one view becomes a few named tokens; each says whether its keypoint is in view, and where.

A small convolutional network looks for keypoints that have names in plain words ("red cube"). Because the names are
words, a policy can match what it sees with what it is asked for.
"""

import torch
from torch import Tensor, nn

STRIDE = 16
TOKEN_WIDTH = 3  # u, v, presence
FEATURES = 96


class ImageEncoder(nn.Module):
    """One view to K tokens; the same weights serve every camera.

    Args:
        keypoints: names of the K keypoints.
    """

    def __init__(self, keypoints: tuple[str, ...]) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        previous = 3
        for i, channels in enumerate((24, 48, 64, FEATURES)):
            kernel = 5 if i == 0 else 3
            layers += [nn.Conv2d(previous, channels, kernel, 2, kernel // 2), nn.GroupNorm(8, channels), nn.SiLU()]
            previous = channels
        layers += [nn.Conv2d(FEATURES, FEATURES, 3, 1, 1), nn.GroupNorm(8, FEATURES), nn.SiLU()]
        self.layers = nn.Sequential(*layers)
        self.head = nn.Linear(FEATURES, len(keypoints) * 3)
        self.keypoints = keypoints

    def grid(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """What each cell of the image holds.

        Args:
            images: uint8 [B, h, w, 3], h and w multiples of 16.

        Returns:
            presence logits [B, N, K] and offsets in the cell [B, N, K, 2] (0 to 1 from its upper left);
            N = (h/16) * (w/16), row by row.
        """
        x = images.permute(0, 3, 1, 2).to(self.head.weight.dtype) / 127.5 - 1.0
        out = self.head(self.layers(x).flatten(2).transpose(1, 2)).unflatten(-1, (len(self.keypoints), 3))
        return out[..., 0], out[..., 1:]

    def forward(self, images: Tensor) -> Tensor:
        """Tokens [B, K, 3] of views uint8 [B, h, w, 3]: u and v (-1 to 1, right and down) and presence (0 to 1).

        All of a keypoint that is not there is zero.
        """
        logits, offsets = self.grid(images)
        columns = images.shape[2] // STRIDE
        cell = torch.arange(logits.shape[1], device=images.device)
        corner = torch.stack([cell % columns, cell // columns], dim=-1)[:, None]  # [N, 1, 2]
        size = torch.tensor([images.shape[2], images.shape[1]], device=images.device) / STRIDE
        place = (corner + offsets) / size * 2 - 1
        weight = (2 * logits).softmax(dim=1)  # [B, N, K]
        presence = logits.amax(dim=1).sigmoid()[..., None]
        return torch.cat([(weight[..., None] * place).sum(1) * presence, presence], dim=-1)


def keypoint_loss(
    logits: Tensor, offsets: Tensor, keypoints: Tensor, grid: tuple[int, int], presence_weight: float
) -> tuple[Tensor, Tensor]:
    """Cross-entropy of presence per cell, and squared error of the offset where a keypoint is.

    Args:
        logits: [B, N, K].
        offsets: [B, N, K, 2].
        keypoints: [B, K, 3]: u, v in 0..1 and whether it is there (0 or 1).
        grid: rows and columns, N = rows * columns.
        presence_weight: of the cells that hold a keypoint; the more, the more is claimed that is not there.

    Returns:
        presence loss and offset loss (in squared cells), scalars.
    """
    rows, columns = grid
    there = keypoints[..., 2] > 0.5
    column = keypoints[..., 0] * columns
    row = keypoints[..., 1] * rows
    cell = row.long().clamp(0, rows - 1) * columns + column.long().clamp(0, columns - 1)  # [B, K]
    present = torch.zeros_like(logits)
    present.scatter_(1, cell[:, None, :], there.to(logits.dtype)[:, None, :])
    weight = torch.where(present > 0, presence_weight, 1.0)
    presence = nn.functional.binary_cross_entropy_with_logits(logits, present, weight)
    index = cell[:, None, :, None].expand(-1, -1, -1, 2)
    predicted = offsets.gather(1, index)[:, 0]
    wanted = torch.stack([column - column.floor(), row - row.floor()], dim=-1)
    error = (predicted - wanted).square().sum(-1)
    return presence, (error * there).sum() / there.sum().clamp(min=1)
