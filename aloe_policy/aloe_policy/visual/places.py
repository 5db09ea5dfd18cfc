"""Places in views that a policy finds useful: attention over maps, asked for by the prompt ("spatial softmax").

Nobody says what they are: they train with the policy. Source: Levine et al., arXiv:1504.00702 (spatial softmax); that
the queries depend on the prompt is ours.
"""

import torch
from torch import Tensor, nn

FEATURES = 2  # u and v
_SHARPNESS = 0.3  # standard deviation of the queries at the start: attention is then neither even nor on one cell


class Places(nn.Module):
    """P places in each of C views, and what is there.

    Args:
        cameras: C, each of which has queries of its own.
        places: P.
        channels: Channels of the maps.
        content: Values that tell what is at a place.
        text: Width of the prompt's embedding.
    """

    def __init__(self, cameras: int, places: int, channels: int, content: int, text: int) -> None:
        super().__init__()
        self.query = nn.Parameter(torch.randn(cameras, places, channels) * _SHARPNESS)
        self.asked = nn.Linear(text, cameras * places * channels)
        nn.init.zeros_(self.asked.weight)
        nn.init.zeros_(self.asked.bias)
        self.content = nn.Linear(channels, content)

    def forward(self, maps: Tensor, text: Tensor, moved: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Places and contents.

        Args:
            maps: Maps of the views, [B, C, channels, rows, columns].
            text: Embeddings of the prompts, [B, text].
            moved: By how much the augmentation has moved what is in the views, in u and v, [B, C, 2].

        Returns:
            Places [B, C, P, 2]: u and v, -1 to 1, right and down, as if nothing had been moved; contents
            [B, C, P, content].
        """
        query = self.query + self.asked(text).unflatten(-1, self.query.shape)
        flat = maps.flatten(3)
        attention = torch.einsum("bcpd,bcdn->bcpn", query, flat).softmax(dim=-1)
        place = attention @ _centres(maps.shape[-2], maps.shape[-1], maps.device)
        if moved is not None:
            place = place - moved[:, :, None]
        return place, self.content(torch.einsum("bcpn,bcdn->bcpd", attention, flat))


def _centres(rows: int, columns: int, device: torch.device) -> Tensor:
    """u and v of the cells' centres, row by row, [rows * columns, 2]."""
    v = (torch.arange(rows, device=device) + 0.5) / rows * 2 - 1
    u = (torch.arange(columns, device=device) + 0.5) / columns * 2 - 1
    return torch.stack(torch.meshgrid(u, v, indexing="xy"), dim=-1).flatten(0, 1)
