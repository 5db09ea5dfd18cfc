"""From views to feature maps: a small convolutional network that trains with the policy, or what a frozen one left."""

from torch import Tensor, nn

STRIDE = 16  # px; sizes of frames are multiples of it
_STEM = 16
_COARSE = 64
_GROUPS = 8


class ImageTrunk(nn.Module):
    """Maps [N, channels, h/4, w/4] of frames [N, 3, h, w] in -1..1.

    Things are small in the frame: a cube of 36 mm is 5 px wide at 128 px. So maps have a cell per 4 px; what is around
    a cell comes from a coarse branch.

    Args:
        channels: Channels of the maps, a multiple of 8.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        # Without a norm at full size, which would take longer than the convolution.
        self.stem = nn.Sequential(
            nn.Conv2d(3, _STEM, 5, 2, 2), nn.ReLU(inplace=True), _convolution(_STEM, channels, stride=2)
        )
        self.coarse = nn.Sequential(
            _convolution(channels, _COARSE, stride=2),
            _convolution(_COARSE, _COARSE),
            _convolution(_COARSE, _COARSE, stride=2),
            _convolution(_COARSE, _COARSE),
        )
        self.up = nn.Conv2d(_COARSE, channels, 1)
        self.fine = _convolution(channels, channels)

    def forward(self, frames: Tensor) -> Tensor:
        """See the class."""
        fine = self.stem(frames)
        around = nn.functional.interpolate(self.up(self.coarse(fine)), size=fine.shape[-2:], mode="nearest")
        maps: Tensor = self.fine(fine + around)
        return maps


class StoredMaps(nn.Module):
    """Maps [N, channels, rows, columns] of a frozen backbone's tokens [N, rows * columns, F].

    Args:
        features: F, values of a token.
        grid: Rows and columns of the tokens.
        channels: Channels of the maps, a multiple of 8.
    """

    def __init__(self, features: int, grid: tuple[int, int], channels: int) -> None:
        super().__init__()
        self._grid = grid
        self.norm = nn.LayerNorm(features)
        self.mix = _convolution(features, channels)

    def forward(self, tokens: Tensor) -> Tensor:
        """See the class."""
        normed: Tensor = self.norm(tokens)
        maps: Tensor = self.mix(normed.transpose(1, 2).unflatten(2, self._grid))
        return maps


def _convolution(channels: int, out: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(channels, out, 3, stride, 1), nn.GroupNorm(_GROUPS, out), nn.ReLU(inplace=True))


def to_float(frames: Tensor) -> Tensor:
    """Frames uint8 [..., h, w, 3] as float [..., 3, h, w] in -1..1."""
    return frames.movedim(-1, -3).float() / 127.5 - 1.0
