"""Embeddings of a frozen encoder's visual tokens: of those that have names, and of all others."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from aloe_critic.blocks import two_layers
from aloe_critic.critic_state import Sizes
from aloe_policy.encoders.keypoint_tokens import DISPLACEMENT_FEATURES, PLACE_FEATURES, embed_views
from aloe_policy.layers import Grounding
from aloe_policy.tokenizer import PADDING, word_ids

SUMMARIES = 8  # tokens that sum up a view


@dataclass(frozen=True, eq=False)
class Prompts:
    """U different prompts, and which of them each of B states has; many states have few prompts.

    Attributes:
        text: Embeddings of the words, [U, L, W]; 0 where there is none.
        absent: Whether there is no word, bool [U, L].
        which: Prompt of each state, int64 [B].
    """

    text: Tensor
    absent: Tensor
    which: Tensor


class TokenEmbedding(Protocol):
    """Embeds visual tokens [B, V, P, F] as [B, T, W], T tokens in all; `word` embeds words of prompts."""

    def __call__(self, tokens: Tensor, prompts: Prompts, word: nn.Embedding) -> Tensor: ...


class NamedTokens(nn.Module):
    """Keypoints: each is embedded by its place, its view, its name, and what the prompt says about that name."""

    names: Tensor

    def __init__(self, width: int, sizes: Sizes) -> None:
        super().__init__()
        names = torch.from_numpy(np.stack([word_ids(name) for name in sizes.names]))
        self.register_buffer("names", names, persistent=False)
        self.image = two_layers(PLACE_FEATURES, width)
        self.displacement = two_layers(DISPLACEMENT_FEATURES, width) if sizes.tool_views else None
        self.view = nn.Parameter(torch.randn(sizes.views, 1, width) * 0.02)
        self.grounding = Grounding(width)
        self._cameras = sizes.num_cameras

    def forward(self, tokens: Tensor, prompts: Prompts, word: nn.Embedding) -> Tensor:
        named = (word(self.names) * (self.names != PADDING)[..., None]).sum(1)  # [P, W], in the prompt's words
        grounded = self.grounding(named, prompts.text, prompts.absent)[prompts.which, None]
        embedded = embed_views(tokens, self._cameras, self.image, self.displacement)
        return (embedded + self.view + named + grounded).flatten(1, 2)


class PlainTokens(nn.Module):
    """Tokens without names, of which a backbone has many: each view is summed up in a few.

    Tokens are brought to a common scale and embedded with where in which view they stand. Learned queries then weigh
    the tokens of a view, as spatial attention (TokenLearner, arXiv:2106.11297): the transformer's cost does not depend
    on the backbone's grid.
    """

    def __init__(self, width: int, sizes: Sizes) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(sizes.token_width)  # backbones differ in the scale of their features
        self.image = two_layers(sizes.token_width, width)
        self.position = nn.Parameter(torch.randn(sizes.views, sizes.tokens, width) * 0.02)
        self.queries = nn.Parameter(torch.randn(min(SUMMARIES, sizes.tokens), width))
        self.value = nn.Linear(width, width)

    def forward(self, tokens: Tensor, prompts: Prompts, word: nn.Embedding) -> Tensor:
        embedded = self.image(self.norm(tokens)) + self.position
        weight = (self.queries @ embedded.mT / embedded.shape[-1] ** 0.5).softmax(-1)  # [B, V, Q, P]
        summaries: Tensor = self.value(weight @ embedded) + self.queries
        return summaries.flatten(1, 2)


def token_embedding(width: int, sizes: Sizes) -> NamedTokens | PlainTokens:
    """The embedding for tokens of these sizes, with weights of torch's global generator."""
    return NamedTokens(width, sizes) if sizes.names else PlainTokens(width, sizes)
