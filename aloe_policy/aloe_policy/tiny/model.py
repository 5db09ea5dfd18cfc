"""The tiny flow-matching VLA: words, views and proprioception in, a chunk of actions out.

Data format (B batch, C cameras, D tool views, K tokens a view, H horizon, A action dimension):
    tokens   [B, C + D, K, 3]     from the image encoder: u, v, presence of K named keypoints in every view; then,
                                  for each tool, how far they are from it (`Triangulation`), where that is known
    words    int64 [B, L]         hashed words of the prompt, 0 = padding
    condition_token int64 [B]     one more word, beside the state (see `condition`); 0, or left out: nothing
    state    [B, S]               normalised proprioception
    actions  [B, H, A]            normalised chunk
Every keypoint reads what the prompt says about it; then words, views and proprioception attend to each other in the
prefix. The action expert refines a noisy chunk while attending to the prefix, which is computed once per chunk.
It predicts the clean chunk, from which the flow velocity follows: chunks are smooth and fit through narrow tokens,
noise does not ("x-prediction with v-loss", Li and He, arXiv:2511.13720).
"""

from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from aloe_policy.encoders.keypoint_tokens import DISPLACEMENT_FEATURES, PLACE_FEATURES, embed_views
from aloe_policy.flow_network import FlowNetwork, FlowShape
from aloe_policy.layers import ExpertBlock, Grounding, SelfBlock, sinusoidal
from aloe_policy.tokenizer import MAX_WORDS, NUM_BUCKETS, PADDING, word_ids

MIN_TAU = 0.1  # keeps the division in `velocity` tame; ten Euler steps never ask below it


@dataclass(frozen=True)
class ModelConfig:
    """Sizes of the network; all that is needed to build it before its weights are loaded."""

    num_cameras: int
    keypoints: tuple[str, ...]
    state_dim: int
    action_dim: int
    action_horizon: int = 50
    width: int = 128
    heads: int = 4
    prefix_layers: int = 3
    expert_layers: int = 3
    patch: int = 10  # control steps per expert token
    tool_views: int = 0


class TinyVLA(FlowNetwork):
    """See the module's docstring."""

    names: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        if config.action_horizon % config.patch:
            raise ValueError(f"action_horizon {config.action_horizon} is not a multiple of patch {config.patch}")
        self.config = config
        w = config.width
        heads = config.heads
        self.word = nn.Embedding(NUM_BUCKETS, w)
        nn.init.normal_(self.word.weight, std=0.1)  # names must not drown the places they are added to
        self.word_position = nn.Parameter(torch.randn(MAX_WORDS, w) * 0.02)
        names = torch.from_numpy(np.stack([word_ids(name) for name in config.keypoints]))
        self.register_buffer("names", names, persistent=False)
        self.image = nn.Sequential(nn.Linear(PLACE_FEATURES, w), nn.SiLU(), nn.Linear(w, w))
        if config.tool_views:
            self.displacement = nn.Sequential(nn.Linear(DISPLACEMENT_FEATURES, w), nn.SiLU(), nn.Linear(w, w))
        self.grounding = Grounding(w)
        self.view = nn.Parameter(torch.randn(config.num_cameras + config.tool_views, 1, w) * 0.02)
        self.state = nn.Sequential(nn.Linear(config.state_dim, w), nn.SiLU(), nn.Linear(w, w))
        self.mix = nn.ModuleList([SelfBlock(w, heads) for _ in range(config.prefix_layers)])
        tokens = config.action_horizon // config.patch
        self.action_in = nn.Linear(config.patch * config.action_dim, w)
        self.action_position = nn.Parameter(torch.randn(tokens, w) * 0.02)
        self.time = nn.Sequential(nn.Linear(w, w), nn.SiLU(), nn.Linear(w, w))
        self.expert = nn.ModuleList([ExpertBlock(w, heads) for _ in range(config.expert_layers)])
        self.norm = nn.LayerNorm(w)
        self.action_out = nn.Linear(w, config.patch * config.action_dim)
        nn.init.zeros_(self.action_out.weight)
        nn.init.zeros_(self.action_out.bias)

    def prefix(self, tokens: Tensor, words: Tensor, state: Tensor, condition_token: Tensor | None = None) -> Tensor:
        """What the action expert attends to: keys and values for each block, [B, blocks, 1 + (C + D) * K, 2 width].

        Computed once per chunk, whatever the number of flow steps.
        """
        longest = int((words != PADDING).sum(1).max())
        words = words[:, :longest]
        named = (self.word(self.names) * (self.names != PADDING)[..., None]).sum(1)  # [K, width], in the prompt's words
        text = self.word(words)
        said = self.grounding(named, text, words == PADDING)[:, None]  # [B, 1, K, width]
        displacement = self.displacement if self.config.tool_views else None
        seen = embed_views(tokens, self.config.num_cameras, self.image, displacement)
        seen = (seen + self.view + named + said).flatten(1, 2)
        own = self.state(state)
        if condition_token is not None:
            own = own + self.word(condition_token) * (condition_token != PADDING)[:, None]
        mixed = torch.cat([own[:, None], seen, text + self.word_position[:longest]], dim=1)
        padding = torch.zeros(mixed.shape[:2], dtype=torch.bool, device=mixed.device)
        padding[:, -longest:] = words == PADDING
        for block in self.mix:
            mixed = block(mixed, padding)
        mixed = mixed[:, : 1 + seen.shape[1]]
        return torch.stack([cast(ExpertBlock, block).key_value(mixed) for block in self.expert], dim=1)

    def flow_shape(self) -> FlowShape:
        """See `FlowNetwork`."""
        config = self.config
        tokens = 1 + (config.num_cameras + config.tool_views) * len(config.keypoints)
        prefix = (config.expert_layers, tokens, 2 * config.width)
        return FlowShape(config, prefix, (config.action_horizon, config.action_dim))

    def velocity(self, prefix: Tensor, x_tau: Tensor, tau: Tensor) -> Tensor:
        """Flow velocity [B, H, A] of a noisy chunk x_tau [B, H, A] at flow times tau [B]."""
        patches = x_tau.unflatten(1, (-1, self.config.patch)).flatten(2)
        h = self.action_in(patches) + self.action_position
        time = self.time(sinusoidal(tau, self.config.width))
        for block, key_value in zip(self.expert, prefix.unbind(1), strict=True):
            h = block(h, key_value, time)
        clean = self.action_out(self.norm(h)).unflatten(2, (self.config.patch, -1)).flatten(1, 2)
        return (x_tau - clean) / tau.clamp(min=MIN_TAU)[:, None, None]  # x_tau = tau e + (1 - tau) a and u = e - a
