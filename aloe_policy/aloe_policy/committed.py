"""Rows of chunks that are executed whatever a policy samples: what real-time chunking and late windows keep.

At every flow time the committed rows are set to what the flow would have made of them, tau * noise + (1 - tau) * row,
so that the free rows are sampled given them ("inpainting"); at tau = 0 that is the row itself.

Source: Black et al., Real-Time Execution of Action Chunking Flow Policies, arXiv:2506.07339, without its guidance term.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from aloe_data.rig import Rig


@dataclass(frozen=True, eq=False)
class Committed:
    """Rows of B chunks that are committed, per arm, since one of the arms may be in an operator's hands.

    Attributes:
        rows: Rows, float32 [B, H, A], in the units of whoever takes them: normalised for `TrainablePolicy.sample`, the
            rig's for `propose`. Values that the mask leaves out do not count.
        mask: Whether a row of an arm is committed, bool [B, H, arms].
    """

    rows: Tensor
    mask: Tensor

    def columns(self, rig: Rig) -> Tensor:
        """The mask per value of an action row, bool [B, H, A]."""
        widths = [rig.action_slice(arm.name) for arm in rig.arms]
        count = torch.tensor([part.stop - part.start for part in widths], device=self.mask.device)
        return self.mask.repeat_interleave(count, dim=-1)


def inpainted(x: Tensor, noise: Tensor, rows: Tensor, columns: Tensor, tau: float) -> Tensor:
    """A noisy chunk with its committed values as they are at flow time tau.

    Args:
        x: Noisy chunks, [N, H, A].
        noise: Noise that they began with, [N, H, A].
        rows: Committed rows, normalised, [N, H, A].
        columns: Whether a value is committed, bool [N, H, A].
        tau: Flow time, 1 (noise) to 0 (action).
    """
    return torch.where(columns, tau * noise + (1.0 - tau) * rows, x)
