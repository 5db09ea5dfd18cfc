"""The visual policy's network: pixels, words and proprioception in, a chunk of actions out. No labels.

Data format (B batch, C cameras, L words, H horizon, A action dimension):
    frames   uint8 [B, C, h, w, 3], or tokens [B, C, P, F] of a frozen backbone
    words    int64 [B, L]         hashed words of the prompt, 0 = padding
    told     int64 [B]            what is told of the chunk's advantage: NOTHING, BAD or GOOD
    state    [B, S']              normalised proprioception
    actions  [B, H, A]            normalised chunk
The views' maps become places and contents; all of them and the state become a few scene tokens. Scene, state and words
attend to each other in the prefix, which is computed once per chunk; the action expert refines a noisy chunk while
attending to it, and predicts the clean chunk ("x-prediction with v-loss", Li and He, arXiv:2511.13720).
In training a linear head predicts the chunk from the scene as well: its gradient reaches the convolutions without
the flow's noise.
"""

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from aloe_policy.encoders.precision import in_bfloat16
from aloe_policy.flow_network import FlowNetwork, FlowShape
from aloe_policy.layers import ExpertBlock, SelfBlock, sinusoidal
from aloe_policy.tokenizer import MAX_WORDS, NUM_BUCKETS, PADDING
from aloe_policy.visual.places import FEATURES, Places
from aloe_policy.visual.trunk import ImageTrunk, StoredMaps, to_float

NOTHING, BAD, GOOD = range(3)
MIN_TAU = 0.1  # keeps the division in `velocity` tame; ten Euler steps never ask below it
FRAMES_AT_ONCE = 192  # that go through the trunk together where it does not train


@dataclass(frozen=True)
class VisualSizes:
    """Sizes of the network; all that is needed to build it before its weights are loaded.

    Attributes:
        num_cameras: C.
        image_size: Height and width of the frames in px.
        token_width: F of a frozen backbone's tokens; 0: it reads pixels.
        grid: Rows and columns of these tokens.
        state_dim: S'.
        action_dim: A.
        action_horizon: H.
        width: Width of the transformer's tokens.
        heads: Attention heads.
        channels: Channels of the views' maps.
        places: Places per view.
        content: Values that tell what is at a place.
        hidden: Width of the layers that join all views.
        scene_tokens: Tokens that these layers give.
        prefix_layers: Blocks in which scene, state and words attend to each other.
        expert_layers: Blocks of the action expert.
        patch: Control steps per token of the action expert.
    """

    num_cameras: int
    image_size: tuple[int, int]
    state_dim: int
    action_dim: int
    token_width: int = 0
    grid: tuple[int, int] = (0, 0)
    action_horizon: int = 50
    width: int = 128
    heads: int = 4
    channels: int = 32
    places: int = 16
    content: int = 8
    hidden: int = 384
    scene_tokens: int = 8
    prefix_layers: int = 2
    expert_layers: int = 3
    patch: int = 10


class VisualNetwork(FlowNetwork):
    """See the module's docstring."""

    def __init__(self, sizes: VisualSizes) -> None:
        super().__init__()
        if sizes.action_horizon % sizes.patch:
            raise ValueError(f"action_horizon {sizes.action_horizon} is not a multiple of {sizes.patch}")
        self.sizes = sizes
        width = sizes.width
        self.trunk: nn.Module = ImageTrunk(sizes.channels)
        if sizes.token_width:
            self.trunk = StoredMaps(sizes.token_width, sizes.grid, sizes.channels)
        self.places = Places(sizes.num_cameras, sizes.places, sizes.channels, sizes.content, width)
        self.word = nn.Embedding(NUM_BUCKETS, width)
        nn.init.normal_(self.word.weight, std=0.1)
        self.word_position = nn.Parameter(torch.randn(MAX_WORDS, width) * 0.02)
        seen = sizes.num_cameras * sizes.places * (FEATURES + sizes.content)
        self.scene = nn.Sequential(
            nn.Linear(seen + sizes.state_dim, sizes.hidden),
            nn.SiLU(),
            nn.Linear(sizes.hidden, sizes.hidden),
            nn.SiLU(),
        )
        self.scene_tokens = nn.Linear(sizes.hidden, sizes.scene_tokens * width)
        self.direct = nn.Linear(sizes.hidden, sizes.action_horizon * sizes.action_dim)
        self.state = nn.Sequential(nn.Linear(sizes.state_dim, width), nn.SiLU(), nn.Linear(width, width))
        self.advantage = nn.Embedding(3, width, padding_idx=NOTHING)
        nn.init.zeros_(self.advantage.weight)
        self.position = nn.Parameter(torch.randn(1 + sizes.scene_tokens, width) * 0.02)
        self.mix = nn.ModuleList([SelfBlock(width, sizes.heads) for _ in range(sizes.prefix_layers)])
        self.action_in = nn.Linear(sizes.patch * sizes.action_dim, width)
        self.action_position = nn.Parameter(torch.randn(sizes.action_horizon // sizes.patch, width) * 0.02)
        self.time = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))
        self.expert = nn.ModuleList([ExpertBlock(width, sizes.heads) for _ in range(sizes.expert_layers)])
        self.norm = nn.LayerNorm(width)
        self.action_out = nn.Linear(width, sizes.patch * sizes.action_dim)
        nn.init.zeros_(self.action_out.weight)
        nn.init.zeros_(self.action_out.bias)

    def maps(self, views: Tensor) -> Tensor:
        """Maps float32 [B, C, channels, rows, columns] of views as `views` gives them."""
        flat = views.flatten(0, 1)
        if self.training:
            with in_bfloat16(views.device):
                found = self.trunk(flat)
        else:  # in parts, since nobody limits how many observations are sampled at once
            found = torch.cat([self.trunk(part) for part in flat.split(FRAMES_AT_ONCE)])
        return cast(Tensor, found.float().unflatten(0, views.shape[:2]))

    def views(self, features: Tensor) -> Tensor:
        """What the trunk reads of stored features: frames [B, C, 3, h, w] in -1..1, or tokens float32 [B, C, P, F]."""
        return features.float() if self.sizes.token_width else to_float(features)

    def scenes(self, views: Tensor, words: Tensor, state: Tensor, moved: Tensor | None = None) -> Tensor:
        """What the layers that join all views make of them, [B, hidden].

        Args:
            views: Views as `views` gives them.
            words: Words of the prompts, int64 [B, L].
            state: Normalised states, [B, S'].
            moved: Movement of the views by the augmentation, see `Places`.
        """
        there = (words != PADDING)[..., None]
        said = (self.word(words) * there).sum(1) / there.sum(1)
        place, content = self.places(self.maps(views), said, moved)
        found: Tensor = self.scene(torch.cat([place.flatten(1), content.flatten(1), state], dim=-1))
        return found

    def prefix(self, scene: Tensor, words: Tensor, state: Tensor, told: Tensor) -> Tensor:
        """What the action expert attends to: keys and values for each block, [B, blocks, 1 + scene tokens, 2 width].

        Args:
            scene: What `scenes` gave, [B, hidden].
            words: Words of the prompts, int64 [B, L].
            state: Normalised states, [B, S'].
            told: What is told of the advantage, int64 [B].
        """
        longest = int((words != PADDING).sum(1).max())
        text = self.word(words[:, :longest]) + self.word_position[:longest]
        own_state = self.state(state) + self.advantage(told)
        own = torch.cat([own_state[:, None], self.scene_tokens(scene).unflatten(-1, (-1, self.sizes.width))], dim=1)
        mixed = torch.cat([own + self.position, text], dim=1)
        padding = words[:, :longest] == PADDING
        ignored = torch.cat([padding.new_zeros(own.shape[:2]), padding], dim=1)
        for block in self.mix:
            mixed = block(mixed, ignored)
        mixed = mixed[:, : own.shape[1]]
        return torch.stack([cast(ExpertBlock, block).key_value(mixed) for block in self.expert], dim=1)

    def predicted(self, scene: Tensor) -> Tensor:
        """The chunks [B, H, A] that the linear head predicts of scenes [B, hidden]."""
        return self.direct(scene).unflatten(-1, (self.sizes.action_horizon, -1))

    def flow_shape(self) -> FlowShape:
        """See `FlowNetwork`."""
        sizes = self.sizes
        prefix = (sizes.expert_layers, 1 + sizes.scene_tokens, 2 * sizes.width)
        return FlowShape(sizes, prefix, (sizes.action_horizon, sizes.action_dim))

    def velocity(self, prefix: Tensor, x_tau: Tensor, tau: Tensor) -> Tensor:
        """Flow velocity [B, H, A] of a noisy chunk x_tau [B, H, A] at flow times tau [B]."""
        patches = x_tau.unflatten(1, (-1, self.sizes.patch)).flatten(2)
        h = self.action_in(patches) + self.action_position
        time = self.time(sinusoidal(tau, self.sizes.width))
        for block, key_value in zip(self.expert, prefix.unbind(1), strict=True):
            h = block(h, key_value, time)
        clean = self.action_out(self.norm(h)).unflatten(2, (self.sizes.patch, -1)).flatten(1, 2)
        return (x_tau - clean) / tau.clamp(min=MIN_TAU)[:, None, None]  # x_tau = tau e + (1 - tau) a and u = e - a
