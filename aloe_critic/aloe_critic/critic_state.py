"""What a critic's network reads of states, and the sizes that the data dictate."""

from dataclasses import dataclass, fields

from torch import Tensor


@dataclass(frozen=True)
class Sizes:
    """Sizes of states and chunks.

    Attributes:
        num_cameras: C, cameras; 0 where observations are joint states alone.
        tokens: P, visual tokens of one view.
        token_width: F, values of one visual token.
        names: Words that a prompt may use for each of the P tokens; () where tokens have no names.
        state_dim: S, values of a normalised proprioceptive state.
        action_dim: A, values of one step of a chunk.
        n_action_steps: h, executed steps of a chunk; 0 for a network that values states alone.
        tool_views: D, views that hold displacements from the tools and follow those of the cameras; keypoints alone
            have them.
    """

    num_cameras: int
    tokens: int
    token_width: int
    names: tuple[str, ...]
    state_dim: int
    action_dim: int
    n_action_steps: int
    tool_views: int = 0

    @property
    def views(self) -> int:
        """V, views of cameras and of tools."""
        return self.num_cameras + self.tool_views


@dataclass(frozen=True, eq=False)
class State:
    """B states; an index chooses some of them.

    Attributes:
        tokens: Visual tokens, float32 [B, V, P, F].
        words: Hashed words of the prompts, int64 [B, L]; 0 is padding.
        state: Normalised proprioceptive states, float32 [B, S].
    """

    tokens: Tensor
    words: Tensor
    state: Tensor

    def __len__(self) -> int:
        return len(self.state)

    def __getitem__(self, index: Tensor | slice) -> "State":
        return State(*(getattr(self, field.name)[index] for field in fields(self)))
