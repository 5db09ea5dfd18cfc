"""What a critic says about held-out chunks; the input of `health`."""

import numpy as np
import torch
from numpy.typing import NDArray

from aloe_critic.batches import Batches, CriticBatch
from aloe_critic.bootstrap import policy_chunks
from aloe_critic.health import Scores
from aloe_critic.learner import CriticLearner
from aloe_critic.losses import aggregate, td_target, value

PART = 256  # chunks at a time


@torch.no_grad()
def score(learner: CriticLearner, batches: Batches, index: NDArray[np.int64], samples: int = 8) -> Scores:
    """Scores of the entries `index`, always with the same noise; training's random state stays as it is.

    Args:
        learner: critics, targets and policy.
        batches: the held-out chunks.
        index: which of them.
        samples: M, policy chunks per state.
    """
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
    critic, config, size = learner.critic, learner.config, len(batch.row)
    prefix, policy = critic.prefix(batch.state), learner.bootstrap.policy
    proposed = policy_chunks(policy, batch.state, samples, critic.sizes)
    after = policy_chunks(policy, batch.next_state, 1, critic.sizes)[0]
    q = value(critic.evaluate(prefix, batch.actions), learner.support)
    shuffled = value(critic.evaluate(prefix, batch.actions[torch.randperm(size)]), learner.support)
    many = value(critic.evaluate(prefix.repeat(samples), proposed.flatten(0, 1)), learner.support)
    sampled = aggregate(many, config.q_agg, config.kappa).view(samples, size)
    next_value = aggregate(value(learner.target(batch.next_state, after), learner.support), config.q_agg, config.kappa)
    target = td_target(next_value, batch.reward, batch.discount, batch.mask)
    return q, shuffled, sampled, aggregate(q, config.q_agg, config.kappa), target
