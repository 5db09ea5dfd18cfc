"""The tiny VLA as a policy that can be trained: observations in, chunks out."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aloe_data.codecs import resize_image
from aloe_data.feature_spec import FeatureSpec
from aloe_data.observation import Observation
from aloe_data.rig import Rig
from aloe_policy.actions import ActionSpace, Normaliser
from aloe_policy.advantage_condition import GOOD, AdvantageCondition
from aloe_policy.checkpoint import Checkpoint
from aloe_policy.committed import Committed
from aloe_policy.encoders.keypoint_frames import KeypointEncoder
from aloe_policy.encoders.triangulation import Triangulation
from aloe_policy.flow import flow_loss, integrate, sample_tau
from aloe_policy.flow_network import velocity_of
from aloe_policy.observation_batch import ObservationBatch, observation_batch
from aloe_policy.optimiser import block_matrices
from aloe_policy.policy_protocol import Condition, Trainable
from aloe_policy.propose import rows_of_samples
from aloe_policy.tiny.augmentation import Renaming
from aloe_policy.tiny.condition import TinyCondition, condition_of, condition_tokens
from aloe_policy.tiny.model import TinyVLA
from aloe_policy.tiny.storage import TinyParts, check_rig, parts_of, save_tiny
from aloe_policy.tokenizer import word_ids
from aloe_policy.traced_flow import TracedFlow
from aloe_policy.warm_up import made_up_observation


class TinyPolicy:
    """A tiny VLA for one rig; a `TrainablePolicy`.

    Args:
        parts: Networks, statistics and settings.
        rig: Rig to drive.
        version: Version of the checkpoint that the parts are from; "": of none yet.
        seed: Seed of the flow's noise in `infer`.
        device: Device to compute on.

    Attributes:
        frame_encoder: Frozen image encoder.
        model: Network that trains.

    Raises:
        ValueError: It needs to know how the rig's cameras are mounted, and the rig file does not say it.
    """

    stochastic = True

    def __init__(self, parts: TinyParts, rig: Rig, *, version: str = "", seed: int = 0, device: str = "cpu") -> None:
        self.version = version
        self.rig = rig
        self.rig_contract = rig.contract
        self.normaliser: Normaliser = parts.normaliser
        self.num_steps = parts.flow_steps
        self.token_dropout = parts.token_dropout
        self.advantage: AdvantageCondition | None = parts.advantage
        self.space = ActionSpace(rig)
        self._triangulation = Triangulation(rig) if parts.model.config.tool_views else None
        self._device = torch.device(device)
        self._generator = torch.Generator(self._device).manual_seed(seed)
        width, height = parts.image_size
        self.frame_encoder = KeypointEncoder(parts.encoder, (height, width), self._device)
        self.model: TinyVLA = parts.model.to(self._device).eval()
        self._rename = Renaming(parts.model.config.keypoints)
        self._flow: TracedFlow | None = None
        self._prompts: tuple[str, ...] = ()
        self._words = torch.zeros(0)

    @classmethod
    def from_checkpoint(cls, checkpoint: Checkpoint, rig: Rig, *, seed: int = 0, device: str = "cpu") -> Self:
        """The policy of a checkpoint that `read_checkpoint` returned.

        Raises:
            CheckpointError: Weights and settings do not fit together, or are for another rig.
        """
        parts = parts_of(checkpoint)
        check_rig(checkpoint, parts, rig)
        return cls(parts, rig, version=checkpoint.version, seed=seed, device=device)

    @property
    def feature_spec(self) -> FeatureSpec:
        """What is stored of a camera frame: K tokens of the keypoint encoder."""
        return self.frame_encoder.spec

    @property
    def action_horizon(self) -> int:
        """H, steps of a chunk."""
        return self.model.config.action_horizon

    @property
    def _guidance(self) -> float:
        return 1.0 if self.advantage is None else self.advantage.guidance

    @torch.inference_mode()
    def infer(self, observation: Observation, committed: Committed | None = None) -> NDArray[np.float32]:
        """One chunk of absolute set points, float32 [H, A].

        Args:
            observation: What cameras and joints say.
            committed: Absolute rows [1, H, A] that the chunk holds whatever is sampled.

        Raises:
            ValueError: A prompt without words.
        """
        shape = 1, 1, self.action_horizon, self.rig.action_dim
        noise = torch.randn(shape, generator=self._generator, device=self._device)
        return rows_of_samples(self, self.observe(observation), noise, committed)[0, 0]

    def warm_up(self) -> None:
        """Trace the flow, and infer on a made-up observation: allocations and kernels are then in place."""
        self._flow = TracedFlow(self.model, self.num_steps, self._guidance)
        state = self._generator.get_state()
        self.infer(made_up_observation(self.rig))
        self._generator.set_state(state)

    def look(self, observation: Observation) -> NDArray[np.float16]:
        """Features of the views [C, K, 3], to the precision with which those of recorded frames are kept."""
        height, width = self.feature_spec.image_size
        views = [resize_image(observation.images[camera.name], (height, width)) for camera in self.rig.cameras]
        return self.frame_encoder.encode(np.stack(views))

    def observe(self, observation: Observation) -> ObservationBatch:
        """One live observation with its features."""
        return observation_batch(observation, self.look(observation), self._device)

    def inputs(self, batch: ObservationBatch) -> tuple[Tensor, Tensor, Tensor]:
        """What the network reads of B observations.

        Returns:
            Tokens [B, V, K, 3] of the cameras' views and of those of `Triangulation`, words int64 [B, L], and
            normalised states [B, S'].

        Raises:
            ValueError: A prompt without words.
        """
        joints = batch.joints.cpu().numpy()
        tokens = batch.features.cpu().numpy().astype(np.float32)
        if self._triangulation is not None:
            tokens = self._triangulation.views(tokens, joints)
        state = self.normaliser.state(self.space.state_features(joints))
        return (
            torch.from_numpy(tokens).to(self._device),
            self._words_of(batch),
            torch.from_numpy(state).to(self._device),
        )

    def condition(self, batch: ObservationBatch) -> TinyCondition:
        """Prefixes of B observations; while the model is in training mode, of augmented ones."""
        training = self.model.training
        with torch.set_grad_enabled(training and torch.is_grad_enabled()):
            tokens, words, state = self.inputs(batch)
            if training:
                tokens, words = self._augmented(tokens, words)
            guided = self._guidance != 1.0 and not training
            return condition_of(self.model, tokens, words, state, self._condition_tokens(batch), guided)

    def _augmented(self, tokens: Tensor, words: Tensor) -> tuple[Tensor, Tensor]:
        keep = torch.rand(tokens.shape[:3], device=tokens.device) >= self.token_dropout
        return self._rename(tokens * keep[..., None], words)

    def _condition_tokens(self, batch: ObservationBatch) -> Tensor | None:
        """What the network is told of each observation, int64 [B]; None: nothing."""
        if batch.good is not None:
            dropout = self.advantage.dropout if self.advantage and self.model.training else 0.0
            return condition_tokens(batch.good, dropout)
        if self.advantage is None:
            return None
        return condition_tokens(torch.full((len(batch),), self.advantage.word == GOOD, device=self._device))

    @torch.no_grad()
    def sample(self, condition: Condition, noise: Tensor, committed: Committed | None = None) -> Tensor:
        """Normalised chunks [M, B, H, A], see `TrainablePolicy.sample`."""
        prefixes = self._own(condition).repeat(len(noise)).prefixes
        flat = noise.flatten(0, 1).contiguous()  # how operands lie in memory changes the rounding
        rows = columns = None
        if committed is not None:
            rows = committed.rows.repeat(len(noise), 1, 1)
            columns = committed.columns(self.rig).repeat(len(noise), 1, 1)
        if self._flow is not None:
            return self._flow(prefixes, flat, rows, columns).view(noise.shape)
        velocity = velocity_of(self.model, prefixes, self._guidance)
        return integrate(velocity, flat, self.num_steps, rows, columns).view(noise.shape)

    def loss(self, condition: Condition, chunks: Tensor) -> Tensor:
        """Flow loss per sample and step [B, H] of normalised chunks [B, H, A]."""
        noise = torch.randn_like(chunks)
        tau = sample_tau(len(chunks), device=chunks.device)
        prefix = self._own(condition).prefixes[0]
        return flow_loss(lambda x, t: self.model.velocity(prefix, x, t), chunks, noise, tau)

    def trainable(self) -> Trainable:
        """The model; its trace, which has weights of its own, is given up."""
        self._flow = None
        parameters = dict(self.model.named_parameters())
        chosen = {id(matrix) for matrix in block_matrices((self.model.mix, self.model.expert))}
        matrices = frozenset(name for name, parameter in parameters.items() if id(parameter) in chosen)
        return Trainable(self.model, parameters, matrices)

    def save(self, folder: Path, training: Mapping[str, Any], card: str) -> str:
        """Write a checkpoint; returns its version."""
        height, width = self.feature_spec.image_size
        return save_tiny(
            folder,
            self.rig,
            self.frame_encoder.network,
            self.model,
            self.normaliser,
            image_size=(width, height),
            training=training,
            card=card,
            flow_steps=self.num_steps,
            advantage=self.advantage,
            token_dropout=self.token_dropout,
        )

    def _own(self, condition: Condition) -> TinyCondition:
        assert isinstance(condition, TinyCondition), "conditions of another policy mean nothing to this one"
        return condition

    def _words_of(self, batch: ObservationBatch) -> Tensor:
        if batch.prompts != self._prompts:
            table = np.stack([word_ids(prompt) for prompt in batch.prompts])
            self._words = torch.from_numpy(table).to(self._device)
            self._prompts = batch.prompts
        return self._words[batch.prompt_index]
