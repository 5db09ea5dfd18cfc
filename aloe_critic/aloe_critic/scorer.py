"""What a critic says about chunks as they come: the same functions serve a running robot and a recorded episode."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from aloe_critic.blocks import Prefix
from aloe_critic.checkpoint import TrainedCritic, load_critic
from aloe_critic.critic_state import State
from aloe_critic.losses import aggregate, value
from aloe_data.chunk import Chunk
from aloe_data.codecs import Image
from aloe_data.config import parameter
from aloe_data.observation import Observation
from aloe_data.rig import Rig
from aloe_policy.backend import load_policy
from aloe_policy.checkpoint import CheckpointError
from aloe_policy.tiny.policy import TinyPolicy
from aloe_policy.tokenizer import word_ids

Array = NDArray[np.float32]


@dataclass(frozen=True)
class AskConfig:
    """How a critic is asked."""

    samples: int = parameter(8, low=1, high=256, doc="M, policy chunks that V is the mean over")
    force: bool = parameter(False, doc="ask a critic that failed its gates as well")
    other_policy: bool = parameter(False, doc="ask a critic of another policy's value as well")


@dataclass(frozen=True, eq=False)
class Estimates:
    """Opinions about n chunks, each in its own state.

    Attributes:
        q: float32 [K, n], value of each chunk by each critic.
        aggregated: [n], the ensemble's value as targets saw it in training.
        value: [n], V: mean of the aggregated values of the policy's own chunks in that state.
    """

    q: Array
    aggregated: Array
    value: Array

    @property
    def advantage(self) -> Array:
        """Aggregated Q minus V [n]."""
        return self.aggregated - self.value

    @property
    def spread(self) -> Array:
        """Standard deviation over critics [n]."""
        return self.q.std(0)

    @classmethod
    def joined(cls, parts: "list[Estimates]") -> "Estimates":
        """All chunks of several parts."""
        columns = zip(*((part.q, part.aggregated, part.value) for part in parts), strict=True)
        return cls(*(np.concatenate(column, axis=-1) for column in columns))


class ChunkScorer:
    """Asks a critic about chunks; the same question always has the same answer.

    Args:
        critic: to ask.
        policy: whose chunks V is the mean over.
        rig: that both were trained for.
        samples: M, of those chunks.

    Attributes:
        image_size: (height, width) of the views that it looks at [px].
        q_std: standard deviation of Q over held-out chunks, the unit of what counts as much.
    """

    def __init__(self, critic: TrainedCritic, policy: TinyPolicy, rig: Rig, samples: int) -> None:
        self.critic, self.policy, self._rig = critic, policy, rig
        self.image_size = policy.feature_spec.image_size
        self.q_std = max(float(critic.config["health"]["q_std"]), 1e-6)
        self._learning: Mapping[str, object] = critic.config["learning"]
        self.n_action_steps, normaliser = critic.network.sizes.n_action_steps, critic.normaliser
        self._normaliser = replace(
            normaliser,
            action_mean=normaliser.action_mean[: self.n_action_steps],
            action_std=normaliser.action_std[: self.n_action_steps],
        )
        self._device = next(critic.network.parameters()).device
        # One noise for all states: V then moves with the state and not with the draw.
        shape = samples, 1, policy.action_horizon, rig.action_dim
        self._noise = torch.randn(shape, generator=torch.Generator().manual_seed(0)).to(self._device)

    def score_chunk(self, observation: Observation, chunk: Chunk) -> Estimates:
        """The opinion about a policy's proposal.

        Args:
            observation: that it was made of, with images of `image_size`.
            chunk: of at least `n_action_steps` steps.

        Raises:
            ValueError: it is shorter, or of another width.
        """
        if chunk.data.shape[0] < self.n_action_steps or chunk.data.shape[1] != self._rig.action_dim:
            wanted = f"[{self.n_action_steps} or more, {self._rig.action_dim}]"
            raise ValueError(f"chunk {chunk.chunk_id} is {list(chunk.data.shape)}, the critic judges {wanted}")
        views = np.stack([observation.images[camera.name] for camera in self._rig.cameras])
        rows = chunk.data[None, : self.n_action_steps]
        return self.score(views[None], observation.state[None], observation.prompt, rows)

    def score(self, views: Image, joints: Array, prompt: str, rows: Array) -> Estimates:
        """The opinion about n chunks.

        Args:
            views: uint8 [n, C, h, w, 3] of `image_size`.
            joints: float32 [n, S], measured positions.
            prompt: the task in words.
            rows: float32 [n, h, A], absolute set points in the rig's action space.

        Raises:
            ValueError: a prompt without words.
        """
        features = self.policy.frame_encoder.encode(views.reshape(-1, *views.shape[2:]))
        return self.score_seen(features.reshape(*views.shape[:2], *features.shape[1:]), joints, prompt, rows)

    @torch.no_grad()
    def score_seen(self, features: NDArray[np.float16], joints: Array, prompt: str, rows: Array) -> Estimates:
        """`score`, where what the policy's encoder makes of the views is known [n, C, K, 3]."""
        space = self.policy.space
        words = torch.from_numpy(word_ids(prompt)).expand(len(joints), -1).to(self._device)
        seen = torch.from_numpy(self._normaliser.state(space.state_features(joints))).to(self._device)
        tokens = torch.from_numpy(space.tokens(features, joints)).to(self._device)
        actions = torch.from_numpy(self._normaliser.chunk(space.relative(rows, joints))).to(self._device)
        return self.estimate(State(tokens, words, seen), actions)

    @torch.no_grad()
    def estimate(self, state: State, actions: torch.Tensor, drawn: torch.Tensor | None = None) -> Estimates:
        """The opinion about n chunks.

        Args:
            state: n of them.
            actions: relative to their states and normalised [n, h, A].
            drawn: chunks of the policy that are known already [m, n, h, A], alike; only the M - m others are drawn.
        """
        prefix = self.critic.network.prefix(state)
        q, own = self._ask(prefix, actions), self._mean_own(state, prefix, drawn)
        return Estimates(q.cpu().numpy(), self._aggregated(q).cpu().numpy(), own.cpu().numpy())

    @torch.no_grad()
    def values(self, state: State, drawn: torch.Tensor | None = None) -> Array:
        """V of n states [n]; `drawn` as in `estimate`."""
        found: Array = self._mean_own(state, self.critic.network.prefix(state), drawn).cpu().numpy()
        return found

    @torch.no_grad()
    def propose(self, state: State, noise: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The policy's own chunks [N, n, H, A] of noise of that shape, normalised, and aggregated values [N, n]."""
        return self._own(state, self.critic.network.prefix(state), noise)

    def _mean_own(self, state: State, prefix: Prefix, drawn: torch.Tensor | None) -> torch.Tensor:
        """Mean aggregated value [n] of M of the policy's own chunks; of those, the ones drawn already come first."""
        known = self._noise[:0] if drawn is None else drawn[: len(self._noise)]
        parts = [self._valued(prefix, known)] if len(known) else []
        if len(noise := self._noise[len(known) :]):
            parts.append(self._own(state, prefix, noise.expand(-1, len(state), -1, -1))[1])
        return torch.cat(parts).mean(0)

    def _own(self, state: State, prefix: Prefix, noise: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        chunks = self.policy.sample_tokens(state.tokens, state.words, state.state, noise)
        return chunks, self._valued(prefix, chunks[:, :, : self.n_action_steps])

    def _valued(self, prefix: Prefix, chunks: torch.Tensor) -> torch.Tensor:
        """Aggregated values [N, n] of chunks [N, n, h, A]."""
        count, size = chunks.shape[:2]
        return self._aggregated(self._ask(prefix.repeat(count), chunks.flatten(0, 1))).view(count, size)

    def _ask(self, prefix: Prefix, actions: torch.Tensor) -> torch.Tensor:
        return value(self.critic.network.evaluate(prefix, actions), self.critic.support)

    def _aggregated(self, q: torch.Tensor) -> torch.Tensor:
        pair = torch.arange(len(q))[:2]  # of "redq", which draws one in training
        return aggregate(q, str(self._learning["q_agg"]), float(str(self._learning["kappa"])), pair)


def load_scorer(critic: Path, policy: Path, rig: Rig, config: AskConfig, device: str = "cpu") -> ChunkScorer:
    """A critic and the policy whose value it tells, if they belong together.

    Args:
        critic, policy: checkpoints.
        rig: that both are for.
        config: how to ask.
        device: where to compute.

    Raises:
        CheckpointError: one is missing, damaged, for another rig or of another kind; the critic is of another policy or
            failed its gates, and nobody said that this is all right; or they do not see the world in the same way.
    """
    trained, proposer = load_critic(critic, rig), load_policy(policy, rig, device=device)
    if not isinstance(proposer, TinyPolicy):
        raise CheckpointError(f"{policy}: its kind of policy cannot propose several chunks at once, which V needs")
    own = str(trained.config["policy"])
    if own != proposer.version and not config.other_policy:
        raise CheckpointError(
            f"{critic}: tells the value of the policy {own[:12]}, {policy} is {proposer.version[:12]}; name the policy "
            "it was trained for, train a critic for this one, or allow it with other_policy"
        )
    if not trained.config["passed"] and not config.force:
        said = "; ".join(trained.config["judgement"])
        raise CheckpointError(f"{critic}: failed its gates: {said}; train a better one, or insist with force")
    sizes = trained.network.sizes
    same = sizes.names == proposer.encoder.keypoints and sizes.n_action_steps <= proposer.action_horizon
    same = same and sizes.tool_views == proposer.space.tool_views
    units = asdict(proposer.normaliser)
    if not same or any(not np.array_equal(a, units[name]) for name, a in asdict(trained.normaliser).items()):
        raise CheckpointError(
            f"{critic}: does not see the world as {policy} does (keypoints, displacements from the tools, statistics "
            "or chunk length differ); train a critic for this policy"
        )
    there = replace(trained, network=trained.network.to(device), support=trained.support.to(device))
    return ChunkScorer(there, proposer, rig, config.samples)
