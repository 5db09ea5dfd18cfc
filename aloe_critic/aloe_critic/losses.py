"""Targets and losses of critics as plain functions.

    R_h = sum_{k<h'} gamma^k r_{t+k}             h' = min(h, steps to the segment's end)
    y   = R_h + gamma^h' * m * agg_k Qbar_k      m = 0 where a true terminal lies inside
Rewards, discounts and masks of chunks come from `aloe_data.transitions`. A loss takes outputs [K, B, N], targets [B]
and the support [N], and returns [K, B].

Source: ALOE, arXiv:2602.12691; HL-Gauss: Farebrother et al., arXiv:2403.03950; REDQ: Chen et al., arXiv:2101.05982.
"""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from aloe_data.transitions import RewardConfig

AGGREGATIONS = ("min", "mean", "mean-std", "redq")
Loss = Callable[[Tensor, Tensor, Tensor], Tensor]
MARGIN_BINS = 3  # of the support beyond the bounds, so that a target at a bound keeps its Gaussian
SIGMA_BINS = 0.75  # width of the Gaussian that a target becomes (arXiv:2403.03950: 0.75)


def return_bounds(reward: RewardConfig) -> tuple[float, float]:
    """Least and largest return that the reward allows: failing in the first tick or never ending, and success now."""
    return min(-1.0, reward.discount - 1.0 - reward.failure_cost), 0.0


def support(bounds: tuple[float, float], bins: int) -> Tensor:
    """Values [bins] of a categorical head's bins; of a scalar head (bins 1) a value that nothing depends on.

    Raises:
        ValueError: too few bins.
    """
    if bins == 1:
        return torch.zeros(1)
    inside = bins - 1 - 2 * MARGIN_BINS
    if inside < 1:
        raise ValueError(f"{bins} bins are too few: 1 for a scalar head, or at least {2 * MARGIN_BINS + 2}")
    width = (bounds[1] - bounds[0]) / inside
    return bounds[0] + width * (torch.arange(bins) - MARGIN_BINS)


def value(out: Tensor, support: Tensor) -> Tensor:
    """Values [K, B] of outputs [K, B, N]; as a sum: autocast would make a matrix product in bfloat16 of it."""
    return out[..., 0] if out.shape[-1] == 1 else (out.softmax(-1) * support).sum(-1)


def aggregate(q: Tensor, how: str, kappa: float = 1.0, pair: Tensor | None = None) -> Tensor:
    """One value [B] of an ensemble's [K, B].

    Args:
        q: the critics' values.
        how: one of AGGREGATIONS; "redq" is the least of a pair.
        kappa: standard deviations that "mean-std" takes off.
        pair: int64 [2], the critics that "redq" asks; default: drawn now, without replacement.
    """
    if how == "min":
        return q.amin(0)
    if how == "mean":
        return q.mean(0)
    if how == "mean-std":
        return q.mean(0) - kappa * q.std(0, correction=0)
    if how == "redq":
        return q[torch.randperm(len(q))[:2] if pair is None else pair].amin(0)
    raise ValueError(f"unknown aggregation '{how}'; one of {', '.join(AGGREGATIONS)}")


def td_target(next_value: Tensor, reward: Tensor, discount: Tensor, mask: Tensor) -> Tensor:
    """y [B] of aggregated values after the chunk [B], its reward R_h, discount gamma^h' and mask (0: it ended)."""
    return reward + discount * mask * next_value


def squared_error(out: Tensor, target: Tensor, support: Tensor) -> Tensor:
    """(Q_k - y)^2, [K, B]."""
    return (value(out, support) - target).square()


def hl_gauss(out: Tensor, target: Tensor, support: Tensor) -> Tensor:
    """Cross-entropy [K, B] against a Gaussian around the target, cut into the bins."""
    width = support[1] - support[0]
    edges = torch.cat([support - width / 2, support[-1:] + width / 2])
    cdf = torch.special.ndtr((edges - target[:, None]) / (SIGMA_BINS * width))
    weight = cdf.diff(dim=-1) / (cdf[:, -1:] - cdf[:, :1])
    return -(weight * out.log_softmax(-1)).sum(-1)


def two_hot(out: Tensor, target: Tensor, support: Tensor) -> Tensor:
    """Cross-entropy [K, B] against the target's place between its two neighbouring bins."""
    place = ((target - support[0]) / (support[1] - support[0])).clamp(0, len(support) - 1)
    weight = (1 - (place[:, None] - torch.arange(len(support), device=place.device)).abs()).clamp(min=0)
    return -(weight * out.log_softmax(-1)).sum(-1)


LOSSES: Mapping[str, Loss] = {"hl_gauss": hl_gauss, "two_hot": two_hot, "squared": squared_error}


def critic_loss(out: Tensor, target: Tensor, support: Tensor, kind: str = "hl_gauss") -> Tensor:
    """Mean over critics and batch of one of LOSSES; a scalar head is always regressed."""
    return (squared_error if out.shape[-1] == 1 else LOSSES[kind])(out, target, support).mean()


def ranking_loss(better: Tensor, worse: Tensor, margin: float) -> Tensor:
    """Mean over critics and pairs of how far Q of the better chunk [K, P] is from exceeding the worse by a margin."""
    return (margin - (better - worse)).clamp(min=0).mean()
