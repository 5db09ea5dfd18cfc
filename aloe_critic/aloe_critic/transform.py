"""Between what a rig measures and executes and what a critic's network reads of it; travels with the critic."""

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aloe_critic.critic_state import Sizes, State
from aloe_data.rig import Rig
from aloe_policy.actions import ActionSpace, Normaliser
from aloe_policy.encoders.registry import FrameEncoder
from aloe_policy.encoders.triangulation import Triangulation
from aloe_policy.observation_batch import ObservationBatch
from aloe_policy.tokenizer import word_ids

Array = NDArray[np.float32]


class Transform:
    """From observations and set points in rig units to states and normalised chunks.

    Args:
        rig: Rig of both.
        normaliser: Statistics of states, and of chunks of h steps or more.
        n_action_steps: h, executed steps of a chunk.
        triangulated: Whether views of displacements from the tools follow those of the cameras.
        device: Device of the tensors.

    Attributes:
        normaliser: The statistics, of chunks of h steps.

    Raises:
        ValueError: Chunks are longer than those that the statistics are of, or the mount of a camera is not known.
    """

    def __init__(
        self, rig: Rig, normaliser: Normaliser, n_action_steps: int, triangulated: bool, device: torch.device
    ) -> None:
        known = len(normaliser.action_mean)
        if n_action_steps > known:
            raise ValueError(f"n_action_steps {n_action_steps} is longer than the policy's chunks of {known} steps")
        self.rig = rig
        self.device = device
        self.n_action_steps = n_action_steps
        self.normaliser = replace(
            normaliser,
            action_mean=normaliser.action_mean[:n_action_steps],
            action_std=normaliser.action_std[:n_action_steps],
        )
        self._space = ActionSpace(rig)
        self._triangulation = Triangulation(rig) if triangulated else None
        self._prompts: tuple[str, ...] = ()
        self._words = torch.zeros(0)

    def sizes(self, encoder: FrameEncoder) -> Sizes:
        """Sizes of a network that reads tokens of an encoder."""
        tokens, width = encoder.spec.shape
        return Sizes(
            num_cameras=len(self.rig.cameras),
            tokens=tokens,
            token_width=width,
            names=encoder.names,
            state_dim=len(self.normaliser.state_mean),
            action_dim=self.rig.action_dim,
            n_action_steps=self.n_action_steps,
            tool_views=len(self.rig.arms) if self._triangulation else 0,
        )

    def state(self, batch: ObservationBatch) -> State:
        """What the network reads of B observations, whose features are those of the critic's encoder.

        Raises:
            ValueError: A prompt without words.
        """
        joints = batch.joints.cpu().numpy()
        state = self.normaliser.state(self._space.state_features(joints))
        words = self.words(batch.prompts)[batch.prompt_index]
        return State(self._tokens(batch.features, joints), words, torch.from_numpy(state).to(self.device))

    def chunks(self, rows: Array, joints: Array) -> Tensor:
        """Normalised chunks [..., h, A] of absolute set points.

        Args:
            rows: Absolute set points in the rig's action space, [..., h, A].
            joints: Measured joint positions at the chunks' beginnings, [..., S].
        """
        return torch.from_numpy(self.normaliser.chunk(self._space.relative(rows, joints))).to(self.device)

    def executed(self, set_points: Array, joints: Array) -> Tensor:
        """Normalised chunks [..., h, A] of executed joint set points [..., h, S]; see `chunks`."""
        return self.chunks(self.rows(set_points), joints)

    def rows(self, set_points: Array) -> Array:
        """Absolute rows [..., A] in the rig's action space of joint set points [..., S]."""
        return self._space.from_joints(set_points)

    def words(self, prompts: tuple[str, ...]) -> Tensor:
        """Hashed words of prompts, int64 [U, L].

        Raises:
            ValueError: A prompt without words.
        """
        if prompts != self._prompts:
            self._words = torch.from_numpy(np.stack([word_ids(prompt) for prompt in prompts])).to(self.device)
            self._prompts = prompts
        return self._words

    def _tokens(self, features: Tensor, joints: Array) -> Tensor:
        if self._triangulation is None:
            return features.to(self.device, torch.float32)
        tokens = features.float().cpu().numpy()
        return torch.from_numpy(self._triangulation.views(tokens, joints)).to(self.device)


def same_statistics(one: Normaliser, other: Normaliser, steps: int) -> bool:
    """Whether two normalisers give the same states, and the same chunks of so many steps."""
    return all(
        np.array_equal(first, second)
        for first, second in (
            (one.state_mean, other.state_mean),
            (one.state_std, other.state_std),
            (one.action_mean[:steps], other.action_mean[:steps]),
            (one.action_std[:steps], other.action_std[:steps]),
        )
    )
