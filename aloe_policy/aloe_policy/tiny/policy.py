"""The tiny VLA as a policy: observations in, absolute chunks out. And its way to and from a checkpoint."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from aloe_data.codecs import resize_image
from aloe_data.observation import Observation
from aloe_data.rig import Rig
from aloe_policy.actions import ActionSpace, Normaliser
from aloe_policy.checkpoint import Checkpoint, CheckpointError, save_checkpoint
from aloe_policy.condition import Condition, prefixes_of, velocity_of
from aloe_policy.dataset import encode_frames
from aloe_policy.encoders.keypoints import ImageEncoder
from aloe_policy.flow import integrate
from aloe_policy.smoke import made_up_observation
from aloe_policy.tiny.model import ModelConfig, TinyVLA
from aloe_policy.tiny.traced import TracedFlow
from aloe_policy.tokenizer import word_ids

KIND = "tiny"


class TinyPolicy:
    """A trained tiny VLA for one rig.

    Args:
        checkpoint: what `read_checkpoint` returned.
        rig: the rig to drive.
        seed: of the flow's noise.
        device: where to compute.

    Attributes:
        encoder, normaliser: of the checkpoint; what learns beside the policy sees the world through the same ones.
        model: the network, in evaluation mode.
        condition: what `sample` asks the network for beside the prompt; None: nothing.
    """

    def __init__(self, checkpoint: Checkpoint, rig: Rig, *, seed: int = 0, device: str = "cpu") -> None:
        self.version, self.rig = checkpoint.version, rig
        self.rig_contract = rig.contract
        self._device = torch.device(device)
        self._generator = torch.Generator(self._device).manual_seed(seed)
        config = checkpoint.config
        try:
            self.image_size: tuple[int, int] = tuple(config["image_size"])
            self.num_steps = int(config["flow_steps"])
            self.condition = Condition(**config["condition"]) if "condition" in config else None
            sizes = ModelConfig(**{**config["model"], "keypoints": tuple(config["model"]["keypoints"])})
            self.encoder, self.model = ImageEncoder(sizes.keypoints), TinyVLA(sizes)
            self.encoder.load_state_dict(_part(checkpoint.weights, "encoder."))
            self.model.load_state_dict(_part(checkpoint.weights, "model."))
            self.normaliser = Normaliser(**{k: v.numpy() for k, v in checkpoint.normaliser.items()})
        except (KeyError, TypeError, RuntimeError, ValueError) as error:
            message = f"{checkpoint.path}: weights and config.json do not fit together: {error}; train anew"
            raise CheckpointError(message) from error
        try:
            self.space = ActionSpace(rig, triangulated=sizes.tool_views > 0)
        except ValueError as error:
            raise CheckpointError(
                f"{checkpoint.path}: it is told where things are in space, but {error}; add 'calibration:' to the rig "
                "file (docs/policy.md), or train with --no-triangulate"
            ) from error
        if self.model.config.action_dim != rig.action_dim:
            raise CheckpointError(
                f"{checkpoint.path}: predicts {self.model.config.action_dim} values per step, the rig '{rig.name}' "
                f"takes {rig.action_dim}; train a policy for this rig"
            )
        self.encoder.to(self._device).eval()
        self.model.to(self._device).eval()
        self._flow: TracedFlow | None = None
        self._prompt, self._words = "", torch.zeros(0)

    @property
    def _guidance(self) -> float:
        return 1.0 if self.condition is None else self.condition.guidance

    @property
    def action_horizon(self) -> int:
        """H, steps per chunk."""
        return self.model.config.action_horizon

    @torch.inference_mode()
    def infer(self, observation: Observation) -> NDArray[np.float32]:
        """One chunk of absolute set points, float32 [H, A]."""
        shape = 1, 1, self.action_horizon, self.rig.action_dim
        noise = torch.randn(shape, generator=self._generator, device=self._device)
        chunk = self.sample(*self.observe(observation), noise)
        joints = np.asarray(observation.state, dtype=np.float32)
        return self.space.absolute(self.normaliser.unchunk(chunk[0, 0].cpu().numpy()), joints)

    def observe(self, observation: Observation) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """What the networks see of one observation: tokens [1, V, K, 3], words [1, L] and normalised state [1, S'].

        V: views of the cameras, and those of `ActionSpace.tokens`.

        Raises:
            ValueError: a prompt without words.
        """
        joints = np.asarray(observation.state, dtype=np.float32)
        features = self.space.tokens(self.look(observation), joints)
        state = self.normaliser.state(self.space.state_features(joints))
        parts = torch.from_numpy(features), self._words_of(observation.prompt), torch.from_numpy(state)
        tokens, words, seen = (part.to(self._device) for part in parts)
        return tokens[None], words, seen[None]

    def look(self, observation: Observation) -> NDArray[np.float16]:
        """Features of the views [C, K, 3], to the precision with which those of recorded frames are kept."""
        width, height = self.image_size
        views = [resize_image(observation.images[camera.name], (height, width)) for camera in self.rig.cameras]
        return encode_frames(self.encoder, np.stack(views))

    @torch.no_grad()
    def sample(
        self, tokens: torch.Tensor, words: torch.Tensor, state: torch.Tensor, noise: torch.Tensor
    ) -> torch.Tensor:
        """Several normalised chunks per state, which is looked at once.

        Args:
            tokens: of the views [B, V, K, 3], see `observe`.
            words: of the prompts, int64 [B, L].
            state: normalised state features [B, S'].
            noise: ~ N(0, I), [n, B, H, A].

        Returns:
            float32 [n, B, H, A].
        """
        prefixes = prefixes_of(self.model, tokens, words, state, self.condition, len(noise))
        flat = noise.flatten(0, 1).contiguous()  # how operands lie in memory changes the rounding
        if self._flow is not None:
            return self._flow(prefixes, flat).view(noise.shape)
        return integrate(velocity_of(self.model, prefixes, self._guidance), flat, self.num_steps).view(noise.shape)

    def warm_up(self) -> None:
        """Trace the flow, and infer on a made-up observation: allocations and kernels are then in place."""
        self._flow = TracedFlow(self.model, self.num_steps, self._guidance)
        state = self._generator.get_state()
        self.infer(made_up_observation(self.rig))
        self._generator.set_state(state)

    def _words_of(self, prompt: str) -> torch.Tensor:
        if prompt != self._prompt:
            self._prompt, self._words = prompt, torch.from_numpy(word_ids(prompt))[None].to(self._device)
        return self._words


def save_tiny(
    path: Path,
    rig: Rig,
    encoder: ImageEncoder,
    model: TinyVLA,
    normaliser: Normaliser,
    *,
    image_size: tuple[int, int],
    training: Mapping[str, Any],
    card: str,
    flow_steps: int = 10,
    condition: Condition | None = None,
) -> str:
    """Write a checkpoint of a tiny VLA; returns its version."""
    config: dict[str, Any] = {
        "kind": KIND,
        "model": asdict(model.config),
        "image_size": list(image_size),
        "flow_steps": flow_steps,
        "training": dict(training),
    }
    if condition is not None:
        config["condition"] = asdict(condition)
    weights = {f"encoder.{k}": v for k, v in encoder.state_dict().items()}
    weights |= {f"model.{k}": v for k, v in model.state_dict().items()}
    statistics = {k: torch.from_numpy(np.ascontiguousarray(v)) for k, v in asdict(normaliser).items()}
    return save_checkpoint(path, config, rig, weights, statistics, card)


def _part(weights: Mapping[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {k.removeprefix(prefix): v for k, v in weights.items() if k.startswith(prefix)}
