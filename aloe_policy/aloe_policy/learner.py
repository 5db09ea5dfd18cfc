"""The actor's learner: one step of flow matching on a batch, with an exponential moving average of the weights."""

import copy
from dataclasses import dataclass

import torch
from torch import Tensor

from aloe_data.config import parameter
from aloe_policy.flow import flow_loss, integrate, sample_tau
from aloe_policy.model import TinyVLA
from aloe_policy.renaming import Renaming


@dataclass(frozen=True)
class LearnerConfig:
    """How the actor is trained."""

    steps: int = parameter(8000, low=1, doc="optimiser steps")
    batch_size: int = parameter(64, low=1, doc="observations per step")
    noises_per_observation: int = parameter(4, low=1, doc="flow samples that share one prefix")
    learning_rate: float = parameter(1e-3, low=0.0, doc="peak of the one-cycle schedule")
    weight_decay: float = parameter(1e-3, low=0.0, doc="AdamW's")
    token_dropout: float = parameter(0.03, low=0.0, high=0.9, doc="share of image tokens hidden in training")
    ema: float = parameter(0.998, low=0.0, high=1.0, doc="decay of the averaged weights")
    seed: int = parameter(0, low=0, doc="of weights and batches")


class ActorLearner:
    """Trains a `TinyVLA`; no loop and no IO.

    Args:
        model: the network to train, on its device.
        config: rates and sizes.
    """

    def __init__(self, model: TinyVLA, config: LearnerConfig) -> None:
        self.model, self.config = model, config
        self.average = copy.deepcopy(model).requires_grad_(False)
        self.optimiser = torch.optim.AdamW(model.parameters(), config.learning_rate, weight_decay=config.weight_decay)
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimiser, config.learning_rate, config.steps, pct_start=0.05
        )
        self._rename = Renaming(model.config.keypoints)
        self.steps_done = 0

    def step(self, batch: dict[str, Tensor]) -> dict[str, float]:
        """One optimiser step on tokens, words, states, chunks and valid; returns metrics."""
        self.model.train()
        loss = self.loss(self.model, batch)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimiser.step()
        self.schedule.step()
        self._average()
        return {
            "loss": loss.item(),
            "gradient_norm": norm.item(),
            "learning_rate": float(self.schedule.get_last_lr()[0]),
        }

    def loss(self, model: TinyVLA, batch: dict[str, Tensor]) -> Tensor:
        """Mean flow loss over the valid steps of a batch."""
        n = self.config.noises_per_observation
        tokens = batch["tokens"]
        words = batch["words"]
        if model.training:
            keep = torch.rand(tokens.shape[:3], device=tokens.device) >= self.config.token_dropout
            tokens, words = self._rename(tokens * keep[..., None], words)
        prefix = model.prefix(tokens, words, batch["states"]).repeat(n, 1, 1)
        actions, valid = batch["chunks"].repeat(n, 1, 1), batch["valid"].repeat(n, 1)
        noise, tau = torch.randn_like(actions), sample_tau(len(actions), device=actions.device)
        per_step = flow_loss(lambda x, t: model.velocity(prefix, x, t), actions, noise, tau)
        return (per_step * valid).sum() / valid.sum()

    @torch.no_grad()
    def evaluate(self, batch: dict[str, Tensor], num_steps: int = 10) -> dict[str, float]:
        """Held-out error of sampled chunks, in standard deviations of the data, and the averaged weights' flow loss."""
        self.average.eval()
        prefix = self.average.prefix(batch["tokens"], batch["words"], batch["states"])
        noise = torch.randn_like(batch["chunks"])
        sampled = integrate(lambda x, t: self.average.velocity(prefix, x, t), noise, num_steps)
        error = (sampled - batch["chunks"]).square().mean(-1) * batch["valid"]
        rmse = (error.sum() / batch["valid"].sum()).sqrt().item()
        return {"held_out_loss": self.loss(self.average, batch).item(), "held_out_rmse": rmse}

    @torch.no_grad()
    def _average(self) -> None:
        self.steps_done += 1
        decay = min(self.config.ema, (1 + self.steps_done) / (10 + self.steps_done))
        for mean, value in zip(self.average.parameters(), self.model.parameters(), strict=True):
            mean.lerp_(value, 1 - decay)
