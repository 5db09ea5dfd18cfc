"""What a critic says about held-out chunks; the input of `health`."""

import numpy as np
import torch
from numpy.typing import NDArray

from aloe_critic.batches import Batches, CriticBatch
from aloe_critic.health import Scores
from aloe_critic.learner import CriticLearner
from aloe_critic.losses import aggregate, td_target, value
from aloe_critic.proposer import drawn_chunks

PART = 256  # chunks at a time


@torch.no_grad()
def score(learner: CriticLearner, batches: Batches, index: NDArray[np.int64], samples: int = 8) -> Scores:
    """Scores of some entries, always with the same noise; training's random state stays as it is.

    Args:
        learner: Critics, targets and the policy's chunks.
        batches: The held-out chunks.
        index: Entries to score, [n].
        samples: M, policy chunks per state; 1 is drawn of a policy that always gives the same.
    """
    if not learner.bootstrap.source.stochastic:
        samples = 1
    parts = []
    learner.critic.eval()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for start in range(0, len(index), PART):
            parts.append(_score(learner, batches.at(index[start : start + PART]), samples))
    q, shuffled, sampled, aggregated, target = (
        torch.cat(column, dim=-1).double().cpu().numpy() for column in zip(*parts, strict=True)
    )
    returns, success, progress = batches.ends(index)
    return Scores(q, shuffled, sampled, aggregated, target, returns, success, progress)


def _score(learner: CriticLearner, batch: CriticBatch, samples: int) -> tuple[torch.Tensor, ...]:
    critic = learner.critic
    config = learner.config
    size = len(batch.row)
    source = learner.bootstrap.source
    prefix = critic.prefix(batch.state)
    proposed = drawn_chunks(source, batch.row.numpy(), samples, batch.actions.device)
    after = drawn_chunks(source, batch.next_row.numpy(), 1, batch.actions.device)[0]
    q = value(critic.evaluate(prefix, batch.actions), learner.support)
    shuffled = value(critic.evaluate(prefix, batch.actions[torch.randperm(size)]), learner.support)
    many = value(critic.evaluate(prefix.repeat(samples), proposed.flatten(0, 1)), learner.support)
    sampled = aggregate(many, config.q_agg, config.kappa).view(samples, size)
    next_value = aggregate(value(learner.target(batch.next_state, after), learner.support), config.q_agg, config.kappa)
    target = td_target(next_value, batch.reward, batch.discount, batch.mask)
    return q, shuffled, sampled, aggregate(q, config.q_agg, config.kappa), target
