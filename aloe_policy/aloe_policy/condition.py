"""Whether a chunk is good, as a condition of the policy: one more word, without a classifier.

In training most chunks are told to be good or bad, and of some nothing is told. A policy is asked for good ones:

    v = v(x | nothing) + guidance * (v(x | good) - v(x | nothing))     guidance 1: v(x | good), in one pass

The word stands beside the state and not in the prompt: among words that it knows, a trained network hardly hears a new
one (chunks 0.6 standard deviations apart were told apart by 0.14 after 100 steps, with the word in the prompt by 0.02).

Source: RECAP, arXiv:2511.14759 (the condition as text); Ho and Salimans, arXiv:2207.12598 (guidance).
"""

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from aloe_data.config import parameter
from aloe_policy.flow import Velocity
from aloe_policy.tiny.model import TinyVLA
from aloe_policy.tokenizer import PADDING, bucket

GOOD, BAD = "advantage: positive", "advantage: negative"  # one word each, and of no prompt: it holds a colon


@dataclass(frozen=True)
class ConditionConfig:
    """How a policy learns with the condition, and how it is asked afterwards."""

    condition_dropout: float = parameter(
        0.2, low=0.0, high=0.9, doc="share of chunks that are learned without being told whether they are good"
    )
    guidance: float = parameter(
        1.0, low=1.0, high=20.0, doc="how much a policy with a condition is drawn to what is good; above 1: two passes"
    )


@dataclass(frozen=True)
class Condition:
    """What a policy is asked for; it stands in its checkpoint.

    Attributes:
        word: of its training.
        guidance: 1: as learned; more: away from what the policy does when nothing is said.
    """

    word: str = GOOD
    guidance: float = 1.0


def labels(good: Tensor, dropout: float = 0.0) -> Tensor:
    """What is told of each chunk, int64 [B].

    Args:
        good: bool [B].
        dropout: share of which nothing is told, by torch's global generator.
    """
    told = torch.where(good, bucket(GOOD), bucket(BAD))
    return told.masked_fill(torch.rand(told.shape, device=told.device) < dropout, PADDING) if dropout else told


def prefixes_of(
    model: TinyVLA, tokens: Tensor, words: Tensor, state: Tensor, condition: Condition | None, copies: int = 1
) -> Tensor:
    """What several chunks per state look at, [P, n * B, ...]; P is 2 with guidance, and nothing is said in the second.

    Args:
        model: the network.
        tokens, words, state: what it sees of B states.
        condition: what it is asked for; None: it was never told.
        copies: n, chunks per state.
    """
    told: list[Tensor | None] = [None]
    if condition is not None:
        asked = torch.full_like(words[:, 0], bucket(condition.word))
        told = [asked] if condition.guidance == 1.0 else [asked, None]
    return torch.stack([model.prefix(tokens, words, state, said).repeat(copies, 1, 1, 1) for said in told])


def velocity_of(model: TinyVLA, prefixes: Tensor, guidance: float = 1.0) -> Velocity:
    """The flow velocity under what `prefixes_of` found."""
    asked = partial(model.velocity, prefixes[0])
    if len(prefixes) == 1:
        return asked
    unasked = partial(model.velocity, prefixes[1])
    return lambda x, tau: torch.lerp(unasked(x, tau), asked(x, tau), guidance)
