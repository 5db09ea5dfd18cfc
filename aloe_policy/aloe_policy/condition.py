"""Whether a chunk is good, as a condition of the policy: one more word of its prompt, without a classifier.

In training most chunks are told to be good or bad, and of some nothing is told. A policy is asked for good ones:

    v = v(x | nothing) + guidance * (v(x | good) - v(x | nothing))     guidance 1: v(x | good), in one pass

Source: RECAP, arXiv:2511.14759 (the condition as text); Ho and Salimans, arXiv:2207.12598 (guidance).
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from aloe_data.config import parameter
from aloe_policy.flow import Velocity
from aloe_policy.model import TinyVLA
from aloe_policy.words import MAX_WORDS, PADDING, bucket

GOOD, BAD = "advantage: positive", "advantage: negative"  # one word each; no prompt can say them, as they hold a colon


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
        word: of its training, said after each prompt.
        guidance: 1: as learned; more: away from what the policy does when nothing is said.
    """

    word: str = GOOD
    guidance: float = 1.0


def labelled(words: Tensor, good: Tensor, dropout: float = 0.0) -> Tensor:
    """Prompts [B, L + 1] that say of each chunk whether it is good.

    Args:
        words: of the prompts, int64 [B, L].
        good: bool [B].
        dropout: share of which nothing is said, by torch's global generator.

    Raises:
        ValueError: see `with_word`.
    """
    said = torch.where(good, bucket(GOOD), bucket(BAD))
    if dropout:
        said = said.masked_fill(torch.rand(said.shape, device=said.device) < dropout, PADDING)
    return with_word(words, said)


def with_word(words: Tensor, word: Tensor) -> Tensor:
    """Prompts [B, L + 1] with one more word at their end.

    Args:
        words: of the prompts, int64 [B, L].
        word: bucket of the word [B], PADDING: none.

    Raises:
        ValueError: a prompt without room for it.
    """
    length = (words != PADDING).sum(1, keepdim=True)
    if int(length.max()) >= MAX_WORDS:
        raise ValueError(
            f"the prompt has {MAX_WORDS} words; this policy is also told whether a chunk is good, and reads "
            f"{MAX_WORDS - 1}: shorten it"
        )
    return nn.functional.pad(words, (0, 1), value=PADDING).scatter(1, length, word[:, None])


def velocity_of(
    model: TinyVLA, tokens: Tensor, words: Tensor, state: Tensor, condition: Condition | None, copies: int = 1
) -> Velocity:
    """The flow velocity of several chunks per state, which is looked at once, or twice with guidance.

    Args:
        model: the network.
        tokens, words, state: what it sees of B states.
        condition: what it is asked for; None: it was never told.
        copies: n, chunks per state: the velocity is that of [n * B, H, A].

    Raises:
        ValueError: see `with_word`.
    """
    if condition is None:
        return _velocity(model, model.prefix(tokens, words, state).repeat(copies, 1, 1))
    asked = with_word(words, torch.full_like(words[:, 0], bucket(condition.word)))
    conditional = _velocity(model, model.prefix(tokens, asked, state).repeat(copies, 1, 1))
    if condition.guidance == 1.0:
        return conditional
    free = _velocity(model, model.prefix(tokens, words, state).repeat(copies, 1, 1))
    return lambda x, tau: torch.lerp(free(x, tau), conditional(x, tau), condition.guidance)


def _velocity(model: TinyVLA, prefix: Tensor) -> Velocity:
    return lambda x, tau: model.velocity(prefix, x, tau)
