"""Tokens of a state: proprioception, the prompt as a whole, and the visual tokens of all views."""

import torch
from torch import Tensor, nn

from aloe_critic.blocks import two_layers
from aloe_critic.critic_state import Sizes, State
from aloe_critic.token_embedding import Prompts, token_embedding
from aloe_policy.tokenizer import NUM_BUCKETS, PADDING


class StateTokens(nn.Module):
    """Tokens [B, T, W] of states."""

    def __init__(self, width: int, sizes: Sizes) -> None:
        super().__init__()
        self.state = two_layers(sizes.state_dim, width)
        self.word = nn.Embedding(NUM_BUCKETS, width)
        nn.init.normal_(self.word.weight, std=0.1)  # names must not drown the places they are added to
        self.prompt = two_layers(width, width)
        self.views = token_embedding(width, sizes) if sizes.num_cameras else None

    def forward(self, states: State) -> Tensor:
        prompts, lengths = self._prompts(states.words)
        prompt = self.prompt(prompts.text.sum(1) / lengths.clamp(min=1).sqrt())
        parts = [self.state(states.state)[:, None], prompt[prompts.which, None]]
        if self.views is not None:
            parts.append(self.views(states.tokens, prompts, self.word))
        return torch.cat(parts, dim=1)

    def _prompts(self, words: Tensor) -> tuple[Prompts, Tensor]:
        """The different prompts among B [B, L], and how many words each has [U, 1]."""
        different, which = torch.unique(words, dim=0, return_inverse=True)
        longest = max(1, int((different != PADDING).sum(1).max()))
        different = different[:, :longest]
        there = (different != PADDING)[..., None]
        text = self.word(different) * there
        return Prompts(text, different == PADDING, which), there.sum(1)
