"""The first stages of EfficientNet-Lite0, for inference: weights as trained on ImageNet, batch norms folded in.

Source: EfficientNet, arXiv:1905.11946; its Lite variant has no squeeze-and-excitation and ReLU6 throughout.
"""

from collections.abc import Mapping

from torch import Tensor, nn

STEM_CHANNELS = 32
STRIDE = 16  # px of the frame per cell of the map
CHANNELS = 80  # of the map
_EPSILON = 1e-3  # of the batch norms
# Repeats, kernel, stride, expansion and channels of the stages; later ones answer what is seen, not where.
_STAGES = ((1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, CHANNELS))


class EfficientNetLite(nn.Module):
    """Maps [n, 80, h/16, w/16] of frames [n, 3, h, w] that are normalised as ImageNet's.

    Args:
        weights: State dictionary of the whole network, as in PyTorch ports of it.

    Raises:
        KeyError, RuntimeError: Weights of another network.
    """

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.stem = _convolution(weights, "_conv_stem", "_bn0", stride=2, groups=1, act=True)
        blocks: list[nn.Module] = []
        channels = STEM_CHANNELS
        for repeats, kernel, stride, expansion, out in _STAGES:
            for repeat in range(repeats):
                prefix = f"_blocks.{len(blocks)}."
                own = {name.removeprefix(prefix): w for name, w in weights.items() if name.startswith(prefix)}
                blocks.append(_Block(own, channels, expansion, kernel, stride if repeat == 0 else 1, out))
                channels = out
        self.blocks = nn.Sequential(*blocks)
        self.requires_grad_(False)
        self.eval()

    def forward(self, frames: Tensor) -> Tensor:
        """See the class."""
        found: Tensor = self.blocks(self.stem(frames))
        return found


class _Block(nn.Module):
    """An inverted residual: expand, filter every channel, project."""

    def __init__(
        self, weights: Mapping[str, Tensor], channels: int, expansion: int, kernel: int, stride: int, out: int
    ) -> None:
        super().__init__()
        wide = channels * expansion
        layers: list[nn.Module] = []
        if expansion > 1:
            layers.append(_convolution(weights, "_expand_conv", "_bn0", stride=1, groups=1, act=True))
        layers.append(_convolution(weights, "_depthwise_conv", "_bn1", stride=stride, groups=wide, act=True))
        layers.append(_convolution(weights, "_project_conv", "_bn2", stride=1, groups=1, act=False))
        self.layers = nn.Sequential(*layers)
        self.is_residual = stride == 1 and channels == out

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.layers(x)
        return found + x if self.is_residual else found


def _convolution(
    weights: Mapping[str, Tensor], conv: str, norm: str, *, stride: int, groups: int, act: bool
) -> nn.Module:
    """A convolution with its batch norm folded in, padded as TensorFlow's "same" pads sizes that the stride divides."""
    scale = weights[f"{norm}.weight"] / (weights[f"{norm}.running_var"] + _EPSILON).sqrt()
    kernel = weights[f"{conv}.weight"] * scale[:, None, None, None]
    bias = weights[f"{norm}.bias"] - weights[f"{norm}.running_mean"] * scale
    size = kernel.shape[-1]
    before = (size - stride) // 2
    after = size - stride - before
    # Padding of the convolution itself is the same on both sides; what is lopsided needs a layer of its own, and time.
    inside = before if before == after else 0
    layer = nn.Conv2d(kernel.shape[1] * groups, len(kernel), size, stride, inside, groups=groups)
    layer.weight = nn.Parameter(kernel)
    layer.bias = nn.Parameter(bias)
    parts: list[nn.Module] = [layer]
    if before != after:
        parts.insert(0, nn.ZeroPad2d((before, after, before, after)))
    if act:
        parts.append(nn.ReLU6(inplace=True))
    return nn.Sequential(*parts)
