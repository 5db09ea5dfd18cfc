"""The image encoder: one view becomes a few tokens, each of which has found one kind of thing and says where it is.

A small convolutional network gives a grid of features; for every keypoint that it was pretrained on (say, "red cube") a
token gathers the features where the keypoint is, with its place in the image and whether it is there at all.
"""

import torch
from torch import Tensor, nn

STRIDE = 16
PLACE = 3  # u, v and presence, in front of each token's features


class ImageEncoder(nn.Module):
    """One view to K tokens; the same weights serve every camera.

    Args:
        num_keypoints: K.
        features: D, channels of the grid.
    """

    def __init__(self, num_keypoints: int, features: int = 96) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        previous = 3
        for i, channels in enumerate((24, 48, 64, features)):
            kernel = 5 if i == 0 else 3
            layers += [nn.Conv2d(previous, channels, kernel, 2, kernel // 2), nn.GroupNorm(8, channels), nn.SiLU()]
            previous = channels
        layers += [nn.Conv2d(features, features, 3, 1, 1), nn.GroupNorm(8, features), nn.SiLU()]
        self.layers = nn.Sequential(*layers)
        self.head = nn.Linear(features, num_keypoints * 3)
        self.num_keypoints, self.token_width = num_keypoints, features + PLACE

    def grid(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What each cell of the image holds.

        Args:
            images: uint8 [B, h, w, 3], h and w multiples of 16.

        Returns:
            features [B, N, D], presence logits [B, N, K] and offsets in the cell [B, N, K, 2] (0 to 1 from its upper
            left); N = (h/16) * (w/16), row by row.
        """
        x = images.permute(0, 3, 1, 2).to(self.head.weight.dtype) / 127.5 - 1.0
        features = self.layers(x).flatten(2).transpose(1, 2)
        out = self.head(features).unflatten(-1, (self.num_keypoints, 3))
        return features, out[..., 0], out[..., 1:]

    def forward(self, images: Tensor) -> Tensor:
        """Tokens [B, K, 3 + D] of views uint8 [B, h, w, 3]: u and v (-1 to 1), presence (0 to 1), features.

        Everything of a keypoint that is not there is zero.
        """
        features, logits, offsets = self.grid(images)
        columns = images.shape[2] // STRIDE
        cell = torch.arange(features.shape[1], device=images.device)
        corner = torch.stack([cell % columns, cell // columns], dim=-1)[:, None]  # [N, 1, 2]
        size = torch.tensor([images.shape[2], images.shape[1]], device=images.device) / STRIDE
        place = (corner + offsets) / size * 2 - 1
        weight = (2 * logits).softmax(dim=1)  # [B, N, K]
        presence = logits.amax(dim=1).sigmoid()[..., None]
        where = (weight[..., None] * place).sum(1)
        what = weight.transpose(1, 2) @ features
        return torch.cat([where * presence, presence, what * presence], dim=-1)


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
