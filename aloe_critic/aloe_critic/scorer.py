"""What a critic says about chunks as they come: the same functions serve a running robot and a recorded episode."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aloe_critic.blocks import Prefix
from aloe_critic.checkpoint import TrainedCritic, load_critic
from aloe_critic.critic_state import State
from aloe_critic.estimates import Array, Estimates
from aloe_critic.losses import aggregate, value
from aloe_critic.proposer import Propose, Proposer
from aloe_data.chunk import Chunk
from aloe_data.codecs import Image, resize_image
from aloe_data.config import parameter
from aloe_data.observation import Observation
from aloe_data.rig import Rig
from aloe_policy.backend import TrainablePolicy, trainable_policy
from aloe_policy.checkpoint import CheckpointError
from aloe_policy.observation_batch import ObservationBatch


@dataclass(frozen=True)
class AskConfig:
    """How a critic is asked."""

    samples: int = parameter(8, low=1, high=256, doc="M, policy chunks that V is the mean over")
    force: bool = parameter(False, doc="ask a critic that failed its gates as well")
    other_policy: bool = parameter(False, doc="ask a critic of another policy's value as well")


class ChunkScorer:
    """Asks a critic about chunks; the same question always has the same answer.

    Args:
        critic: Critic to ask.
        policy: Policy whose chunks V is the mean over. Where it always gives the same chunk, V is that chunk's Q.
        samples: M, number of those chunks.

    Attributes:
        proposer: The policy, in the units of the critic.
        image_size: Height and width in px of the camera frames that both read.
        n_action_steps: h, steps of a chunk that the critic judges.
        q_std: Standard deviation of Q over held-out chunks, the unit of what counts as much.

    Raises:
        ValueError: The policy's chunks are shorter than those that the critic judges.
    """

    def __init__(self, critic: TrainedCritic, policy: TrainablePolicy, samples: int) -> None:
        self.critic = critic
        self.policy = policy
        self.proposer = Proposer(policy, critic.transform)
        self.image_size = critic.encoder.spec.image_size
        self.n_action_steps = critic.transform.n_action_steps
        self.q_std = max(float(critic.config["health"]["q_std"]), 1e-6)
        self._learning: Mapping[str, object] = critic.config["learning"]
        self._same_features = critic.encoder.spec == policy.feature_spec
        # One noise for all states: V then moves with the state and not with the draw.
        shape = samples if policy.stochastic else 1, 1, policy.action_horizon, policy.rig.action_dim
        noise = torch.randn(shape, generator=torch.Generator().manual_seed(0))
        self._noise = noise.to(critic.transform.device)

    def score_chunk(self, observation: Observation, chunk: Chunk) -> Estimates:
        """The opinion about a policy's proposal.

        Args:
            observation: Observation that it was made of, with images of `image_size`.
            chunk: Chunk of at least `n_action_steps` steps.

        Raises:
            ValueError: It is shorter, or of another width.
        """
        rig = self.policy.rig
        if chunk.data.shape[0] < self.n_action_steps or chunk.data.shape[1] != rig.action_dim:
            wanted = f"[{self.n_action_steps} or more, {rig.action_dim}]"
            raise ValueError(f"chunk {chunk.chunk_id} is {list(chunk.data.shape)}, the critic judges {wanted}")
        views = np.stack([observation.images[camera.name] for camera in rig.cameras])
        joints = np.asarray(observation.state, np.float32)
        rows = chunk.data[None, : self.n_action_steps]
        return self.score(views[None], joints[None], observation.prompt, rows)

    def score(self, views: Image, joints: Array, prompt: str, rows: Array) -> Estimates:
        """The opinion about n chunks.

        Args:
            views: Camera frames of `image_size`, uint8 [n, C, h, w, 3].
            joints: Measured joint positions, float32 [n, S].
            prompt: The task in words.
            rows: Absolute set points in the rig's action space, float32 [n, h, A].

        Raises:
            ValueError: A prompt without words.
        """
        frames = views.reshape(-1, *views.shape[2:])
        own = policys = self._batch(self.critic.encoder.encode(frames), joints, prompt)
        if not self._same_features:
            policys = self._batch(self.policy.frame_encoder.encode(frames), joints, prompt)
        return self.score_observations(own, policys, rows)

    def score_observations(self, own: ObservationBatch, policys: ObservationBatch, rows: Array) -> Estimates:
        """The opinion about n chunks.

        Args:
            own: The n observations with the features of the critic's encoder.
            policys: The same as the policy reads them.
            rows: Absolute set points in the rig's action space, float32 [n, h, A].
        """
        transform = self.critic.transform
        actions = transform.chunks(rows, own.joints.cpu().numpy())
        return self.estimate(transform.state(own), actions, lambda noise: self.proposer.chunks(policys, noise))

    def observe(self, observation: Observation, policys: ObservationBatch) -> State:
        """What the critic reads of one live observation.

        Args:
            observation: The observation.
            policys: The same as the policy reads it; its features serve again where both have one encoder.
        """
        if self._same_features:
            return self.critic.transform.state(policys)
        cameras = self.policy.rig.cameras
        views = [resize_image(observation.images[camera.name], self.image_size) for camera in cameras]
        features = self.critic.encoder.encode(np.stack(views))
        joints = np.asarray(observation.state, np.float32)
        return self.critic.transform.state(self._batch(features, joints[None], observation.prompt))

    @torch.no_grad()
    def estimate(self, state: State, actions: Tensor, propose: Propose, drawn: Tensor | None = None) -> Estimates:
        """The opinion about n chunks.

        Args:
            state: The n states.
            actions: Normalised chunks, [n, h, A].
            propose: The policy's chunks in these states.
            drawn: Chunks of the policy that are known already, [m, n, h, A]; only the M - m others are drawn.
        """
        prefix = self.critic.network.prefix(state)
        q = self._ask(prefix, actions)
        own = self._mean_own(prefix, propose, drawn, len(state))
        return Estimates(q.cpu().numpy(), self._aggregated(q).cpu().numpy(), own.cpu().numpy())

    @torch.no_grad()
    def values(self, state: State, propose: Propose, drawn: Tensor | None = None) -> Array:
        """V of n states [n]; `propose` and `drawn` as in `estimate`."""
        prefix = self.critic.network.prefix(state)
        found: Array = self._mean_own(prefix, propose, drawn, len(state)).cpu().numpy()
        return found

    @torch.no_grad()
    def judge(self, state: State, chunks: Tensor) -> Tensor:
        """Aggregated values [N, n] of N normalised chunks in each of n states, [N, n, h, A]."""
        return self._valued(self.critic.network.prefix(state), chunks)

    def _batch(self, features: NDArray[np.generic], joints: Array, prompt: str) -> ObservationBatch:
        """Observations of the features of all their views, [n * C, *shape]."""
        device = self.critic.transform.device
        count = len(joints)
        return ObservationBatch(
            features=torch.from_numpy(features.reshape(count, -1, *features.shape[1:])).to(device),
            joints=torch.from_numpy(joints).to(device),
            prompts=(prompt,),
            prompt_index=torch.zeros(count, dtype=torch.long, device=device),
        )

    def _mean_own(self, prefix: Prefix, propose: Propose, drawn: Tensor | None, count: int) -> Tensor:
        """Mean aggregated value [n] of M of the policy's own chunks; of those, the ones drawn already come first."""
        known = self._noise[:0] if drawn is None else drawn[: len(self._noise)]
        parts = [self._valued(prefix, known)] if len(known) else []
        noise = self._noise[len(known) :]
        if len(noise):
            parts.append(self._valued(prefix, propose(noise.expand(-1, count, -1, -1))))
        return torch.cat(parts).mean(0)

    def _valued(self, prefix: Prefix, chunks: Tensor) -> Tensor:
        """Aggregated values [N, n] of chunks [N, n, h, A]."""
        count, size = chunks.shape[:2]
        return self._aggregated(self._ask(prefix.repeat(count), chunks.flatten(0, 1))).view(count, size)

    def _ask(self, prefix: Prefix, actions: Tensor) -> Tensor:
        return value(self.critic.network.evaluate(prefix, actions), self.critic.support)

    def _aggregated(self, q: Tensor) -> Tensor:
        pair = torch.arange(len(q))[:2]  # of "redq", which draws one in training
        return aggregate(q, str(self._learning["q_agg"]), float(str(self._learning["kappa"])), pair)


def load_scorer(critic: Path, policy: Path, rig: Rig, config: AskConfig, device: str = "cpu") -> ChunkScorer:
    """A critic and the policy whose value it tells, if they belong together.

    Args:
        critic: Checkpoint of the critic.
        policy: Checkpoint of the policy.
        rig: Rig that both are for.
        config: How to ask.
        device: Device to compute on.

    Raises:
        CheckpointError: One is missing, damaged, for another rig or of another kind; the critic is of another policy or
            failed its gates, and nobody said that this is all right; or they read frames of another size, or chunks of
            another length.
    """
    trained = load_critic(critic, rig, device)
    proposer = trainable_policy(policy, rig, device=device)
    own = str(trained.config["policy"])
    if own != proposer.version and not config.other_policy:
        raise CheckpointError(
            f"{critic}: tells the value of the policy {own[:12]}, {policy} is {proposer.version[:12]}; name the policy "
            "it was trained for, train a critic for this one, or allow it with other_policy"
        )
    if not trained.config["passed"] and not config.force:
        said = "; ".join(trained.config["judgement"])
        raise CheckpointError(f"{critic}: failed its gates: {said}; train a better one, or insist with force")
    sizes = [spec.image_size for spec in (trained.encoder.spec, proposer.feature_spec)]
    if sizes[0] != sizes[1]:
        (height, width), (other_height, other_width) = sizes
        raise CheckpointError(
            f"{critic}: reads frames of {width}x{height} px, {policy} of {other_width}x{other_height}; train a critic "
            "for this policy"
        )
    try:
        return ChunkScorer(trained, proposer, config.samples)
    except ValueError as error:
        raise CheckpointError(f"{critic}: does not fit {policy}: {error}; train a critic for this policy") from error
