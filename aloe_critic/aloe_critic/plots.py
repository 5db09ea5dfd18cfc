"""The picture of a critic's health."""

from pathlib import Path

import numpy as np

from aloe_critic.health import calibration
from aloe_critic.training import Outcome

CURVES = ("shuffle_gap", "rank_auc", "advantage_auc", "within_state", "ensemble_std", "td_error")


def draw_health(outcome: Outcome, file: Path) -> None:
    """Calibration, what shuffling the action does, advantages by outcome, and the measures over time."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    scores = outcome.scores
    known = np.isfinite(outcome.scores.returns)
    figure, ((calibrated, shuffled), (advantages, curves)) = pyplot.subplots(2, 2, figsize=(11, 8))
    q = scores.q.mean(0)
    returns = scores.returns
    table = calibration(q[known], returns[known])
    calibrated.scatter(q[known], returns[known], s=4, alpha=0.2, color="0.5")
    calibrated.plot(table[:, 0], table[:, 1], "o-", label="mean by quantile")
    ends = [min(q.min(), np.nanmin(returns, initial=0.0)), 0.0]
    calibrated.plot(ends, ends, "k:", lw=1, label="calibrated")
    calibrated.set(title="Q against what came", xlabel="Q", ylabel="return")
    calibrated.legend()
    values = {"executed": q, "shuffled": scores.shuffled.mean(0), "policy samples": scores.samples.ravel()}
    for name, x in values.items():
        shuffled.hist(x, bins=40, density=True, histtype="step", label=name)
    shuffled.set(title="Q of executed, shuffled and proposed chunks", xlabel="Q")
    shuffled.legend()
    for name, chosen in (("success", known & scores.success), ("failure", known & ~scores.success)):
        if chosen.any():
            advantages.hist(scores.advantage[chosen], bins=40, density=True, histtype="step", label=name)
    advantages.set(title="Advantage by outcome", xlabel="Q - V")
    advantages.legend()
    for name in CURVES:
        curves.plot([s for s, _ in outcome.history], [getattr(h, name) for _, h in outcome.history], label=name)
    curves.set(title="Health over time", xlabel="step", ylim=(-0.2, 1.5))  # at first std(Q) is 0, and shares of it huge
    curves.legend(fontsize="small")
    figure.tight_layout()
    figure.savefig(file, dpi=110)
    pyplot.close(figure)
