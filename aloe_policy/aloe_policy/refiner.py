"""A second, closer look at each keypoint: how far off the first estimate is, from the pixels around it."""

import torch
from torch import Tensor, nn

PATCH = 32  # px, side of what is looked at
FEATURES = 96


class Refiner(nn.Module):
    """Corrections of estimated places, from patches of the views at their full resolution.

    Args:
        keypoints: how many there are; all share the convolutions, each reads them in its own way.
    """

    def __init__(self, keypoints: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        previous = 3
        for channels in (24, 48, FEATURES):
            layers += [nn.Conv2d(previous, channels, 3, 2, 1), nn.GroupNorm(8, channels), nn.SiLU()]
            previous = channels
        self.layers = nn.Sequential(*layers, nn.Flatten())
        self.head = nn.Linear(FEATURES * (PATCH // 8) ** 2, 2 * keypoints)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, patches: Tensor, keypoint: Tensor) -> Tensor:
        """How far right and down of the middle of its patch a keypoint is, [n, 2] in px, within the patch.

        Args:
            patches: uint8 or float [n, PATCH, PATCH, 3], see `cut`.
            keypoint: int64 [n], which one.
        """
        x = patches.permute(0, 3, 1, 2).to(self.head.weight.dtype) / 127.5 - 1.0
        answers = self.head(self.layers(x)).unflatten(-1, (-1, 2))  # [n, K, 2], in halves of the patch
        chosen: Tensor = answers[torch.arange(len(x), device=x.device), keypoint]
        return PATCH / 2 * chosen.clamp(-1.0, 1.0)

    def refine(self, images: Tensor, places: Tensor) -> Tensor:
        """Better places [B, K, 2] of the keypoints of views uint8 [B, h, w, 3]; both from -1 to 1, right and down."""
        size = torch.tensor([images.shape[2], images.shape[1]], device=images.device)
        count = places.shape[1]
        middle = pixel(places, size)
        view = torch.arange(len(images), device=images.device).repeat_interleave(count)
        keypoint = torch.arange(count, device=images.device).repeat(len(images))
        offset = self(cut(images, view, middle.flatten(0, 1)), keypoint).view_as(places)
        return (middle + offset) / size * 2 - 1


def pixel(places: Tensor, size: Tensor) -> Tensor:
    """The corners of pixels, int64, that are nearest to places from -1 to 1 in views of (width, height) px."""
    return ((places.clamp(-1.0, 1.0) + 1) / 2 * size).round().long()


def cut(images: Tensor, view: Tensor, middle: Tensor) -> Tensor:
    """Patches [n, PATCH, PATCH, 3] of views [B, h, w, 3]; what lies outside is as the nearest pixel.

    Args:
        images: the views.
        view: int64 [n], which of them each patch is of.
        middle: int64 [n, 2], column and row of the pixel whose upper left corner is the middle.
    """
    reach = torch.arange(-PATCH // 2, PATCH // 2, device=images.device)
    columns = (middle[:, :1] + reach).clamp(0, images.shape[2] - 1)
    rows = (middle[:, 1:] + reach).clamp(0, images.shape[1] - 1)
    return images[view[:, None, None], rows[:, :, None], columns[:, None, :]]
