"""What can be chosen of a critic's training."""

from dataclasses import dataclass

from aloe_data.config import parameter


@dataclass(frozen=True)
class LearningOptions:
    """How long and how fast critics learn, and from what beside temporal differences."""

    steps: int = parameter(2500, low=1, doc="optimiser steps")
    batch_size: int = parameter(256, low=2, doc="chunks per step (paper: 256)")
    learning_rate: float = parameter(1e-3, low=0.0, doc="peak of the one-cycle schedule (paper: 3e-5, AdamW)")
    counterfactual_weight: float = parameter(1.0, low=0.0, doc="weight of ranking successful chunks above foreign ones")
    takeover_weight: float = parameter(0.0, low=0.0, doc="weight of ranking the operator's chunk above the policy's")
    bootstrap_samples: int = parameter(4, low=1, doc="policy chunks kept per state to bootstrap from")
    seed: int = parameter(0, low=0, doc="seed of weights, batches and noise")


@dataclass(frozen=True)
class CriticConfig(LearningOptions):
    """All choices of the training; those that are no options are varied by studies alone.

    Attributes:
        weight_decay: Weight decay of AdamW; that of the blocks' matrices is ten times as large.
        gradient_norm: Norm to which gradients are clipped.
        tau: Polyak rate of the target critics (paper: 0.005).
        loss: Loss of a categorical head, one of `LOSSES`.
        q_agg: How targets aggregate the ensemble, one of `AGGREGATIONS`.
        kappa: Standard deviations that the aggregation "mean-std" takes off.
        action_noise: Noise added to executed chunks, in standard deviations of the data.
        foreign: What of a foreign chunk is foreign: "whole", or "one_arm" for what one of the arms does.
        margin: Margin of both rankings, in units of return.
        bootstrap_refresh: Steps until policy chunks are drawn anew; 0: with a new policy only.
        bfloat16: Whether the networks compute in bfloat16.
        patience: Steps in a row that Q may be out of bounds, or a head dead.
    """

    weight_decay: float = 1e-2
    gradient_norm: float = 1.0
    tau: float = 0.02
    loss: str = "hl_gauss"
    q_agg: str = "min"
    kappa: float = 1.0
    action_noise: float = 0.1
    foreign: str = "whole"
    margin: float = 0.1
    bootstrap_refresh: int = 0
    bfloat16: bool = False
    patience: int = 200
