"""The visual policy: observations in, chunks out, trained from pixels without labels."""

from collections.abc import Mapping
from dataclasses import replace
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
from aloe_policy.advantage_condition import AdvantageCondition
from aloe_policy.checkpoint import Checkpoint
from aloe_policy.committed import Committed
from aloe_policy.encoders.registry import FrameEncoder
from aloe_policy.flow import flow_loss, integrate, sample_tau
from aloe_policy.flow_network import velocity_of
from aloe_policy.observation_batch import ObservationBatch, observation_batch
from aloe_policy.optimiser import block_matrices
from aloe_policy.policy_protocol import Condition, Trainable
from aloe_policy.propose import rows_of_samples
from aloe_policy.tokenizer import word_ids
from aloe_policy.traced_flow import TracedFlow
from aloe_policy.visual.augmentation import recoloured, shifted
from aloe_policy.visual.condition import VisualCondition, condition_of, told_of
from aloe_policy.visual.network import VisualNetwork
from aloe_policy.visual.storage import VisualParts, parts_of, save_visual
from aloe_policy.warm_up import made_up_observation

DIRECT = 0.5  # weight of the linear head's squared error in the loss


class VisualPolicy:
    """A visual policy for one rig; a `TrainablePolicy`.

    Args:
        parts: Network, statistics and settings.
        rig: Rig to drive.
        version: Version of the checkpoint that the parts are from; "": of none yet.
        seed: Seed of the flow's noise in `infer`.
        device: Device to compute on.

    Attributes:
        frame_encoder: Frozen encoder, or `PixelEncoder`.
        network: Network that trains.
    """

    stochastic = True

    def __init__(self, parts: VisualParts, rig: Rig, *, version: str = "", seed: int = 0, device: str = "cpu") -> None:
        self.version = version
        self.rig = rig
        self.rig_contract = rig.contract
        self.space = ActionSpace(rig)
        self.normaliser: Normaliser = parts.normaliser
        self.frame_encoder: FrameEncoder = parts.frame_encoder
        self.advantage: AdvantageCondition | None = parts.advantage
        self._device = torch.device(device)
        self.network: VisualNetwork = parts.network.to(self._device).eval()
        self._parts = parts
        self._generator = torch.Generator(self._device).manual_seed(seed)
        self._flow: TracedFlow | None = None

    @classmethod
    def from_checkpoint(cls, checkpoint: Checkpoint, rig: Rig, *, seed: int = 0, device: str = "cpu") -> Self:
        """The policy of a checkpoint that `read_checkpoint` returned.

        Raises:
            CheckpointError: Weights and settings do not fit together, or are for another rig.
        """
        parts = parts_of(checkpoint, rig, device)
        return cls(parts, rig, version=checkpoint.version, seed=seed, device=device)

    @property
    def feature_spec(self) -> FeatureSpec:
        """What is stored of a camera frame."""
        return self.frame_encoder.spec

    @property
    def action_horizon(self) -> int:
        """H, steps of a chunk."""
        return self.network.sizes.action_horizon

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
        self._flow = TracedFlow(self.network, self._parts.flow_steps, self._guidance)
        state = self._generator.get_state()
        self.infer(made_up_observation(self.rig))
        self._generator.set_state(state)

    def observe(self, observation: Observation) -> ObservationBatch:
        """One live observation with what a store would hold of its frames."""
        size = self.feature_spec.image_size
        views = [resize_image(observation.images[camera.name], size) for camera in self.rig.cameras]
        return observation_batch(observation, self.frame_encoder.encode(np.stack(views)), self._device)

    def condition(self, batch: ObservationBatch) -> VisualCondition:
        """What the network computes of B observations; while it is in training mode, of augmented ones."""
        training = self.network.training
        joints = batch.joints.cpu().numpy()
        state = torch.from_numpy(self.normaliser.state(self.space.state_features(joints))).to(self._device)
        with torch.set_grad_enabled(training and torch.is_grad_enabled()):
            views = self.network.views(batch.features.to(self._device))
            moved = None
            if training and self.feature_spec.is_pixels:
                views, moved = self._augmented(views)
            words = self._words_of(batch)
            told = told_of(batch.good, self.advantage, len(batch), training, self._device)
            guided = self._guidance != 1.0 and not training
            return condition_of(self.network, views, words, state, told, moved, guided=guided)

    @property
    def _guidance(self) -> float:
        return 1.0 if self.advantage is None else self.advantage.guidance

    def _augmented(self, views: Tensor) -> tuple[Tensor, Tensor]:
        augmentation = self._parts.augmentation
        return shifted(recoloured(views, augmentation.colour), augmentation.shift_px)

    @torch.no_grad()
    def sample(self, condition: Condition, noise: Tensor, committed: Committed | None = None) -> Tensor:
        """Normalised chunks [M, B, H, A], see `TrainablePolicy.sample`."""
        prefixes = self._own(condition).repeat(len(noise)).prefixes
        rows = columns = None
        if committed is not None:
            rows = committed.rows.repeat(len(noise), 1, 1)
            columns = committed.columns(self.rig).repeat(len(noise), 1, 1)
        flat = noise.flatten(0, 1).contiguous()
        if self._flow is not None:
            return self._flow(prefixes, flat, rows, columns).view(noise.shape)
        velocity = velocity_of(self.network, prefixes, self._guidance)
        return integrate(velocity, flat, self._parts.flow_steps, rows, columns).view(noise.shape)

    def loss(self, condition: Condition, chunks: Tensor) -> Tensor:
        """Loss per sample and step [B, H] of normalised chunks [B, H, A]; in training with the linear head's."""
        own = self._own(condition)
        noise = torch.randn_like(chunks)
        tau = sample_tau(len(chunks), device=chunks.device)
        per_step = flow_loss(velocity_of(self.network, own.prefixes[:1]), chunks, noise, tau)
        if own.predicted is not None:
            per_step = per_step + DIRECT * (own.predicted - chunks).square().mean(-1)
        return per_step

    def trainable(self) -> Trainable:
        """The network; its trace, which has weights of its own, is given up."""
        self._flow = None
        parameters = dict(self.network.named_parameters())
        chosen = {id(matrix) for matrix in block_matrices((self.network.mix, self.network.expert))}
        matrices = frozenset(name for name, parameter in parameters.items() if id(parameter) in chosen)
        return Trainable(self.network, parameters, matrices)

    def save(self, folder: Path, training: Mapping[str, Any], card: str) -> str:
        """Write a checkpoint; returns its version."""
        parts = replace(self._parts, advantage=self.advantage)
        return save_visual(folder, self.rig, parts, training, card)

    def _own(self, condition: Condition) -> VisualCondition:
        assert isinstance(condition, VisualCondition), "conditions of another policy mean nothing to this one"
        return condition

    def _words_of(self, batch: ObservationBatch) -> Tensor:
        table = np.stack([word_ids(prompt) for prompt in batch.prompts])
        return torch.from_numpy(table).to(self._device)[batch.prompt_index]
