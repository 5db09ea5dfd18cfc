"""Whether a chunk is good, as a condition of the policy: it is told in training, and asked for good chunks afterwards.

In training most chunks are told to be good or bad, and of some nothing is told. A policy is asked for good ones:

    v = v(x | nothing) + guidance * (v(x | good) - v(x | nothing))     guidance 1: v(x | good), in one pass

How a network is told is the matter of each kind of policy; `ObservationBatch.good` holds what it is told.

Source: RECAP, arXiv:2511.14759 (the condition as text); Ho and Salimans, arXiv:2207.12598 (guidance).
"""

from dataclasses import dataclass

from aloe_data.config import parameter

# one word each, and of no prompt: it holds a colon
GOOD = "advantage: positive"
BAD = "advantage: negative"
DROPOUT = 0.2


@dataclass(frozen=True)
class ConditionConfig:
    """How a policy learns with the condition, and how it is asked afterwards."""

    condition_dropout: float = parameter(
        DROPOUT, low=0.0, high=0.9, doc="share of chunks that are learned without being told whether they are good"
    )
    guidance: float = parameter(
        1.0, low=1.0, high=20.0, doc="how much a policy with a condition is drawn to what is good; above 1: two passes"
    )


@dataclass(frozen=True)
class AdvantageCondition:
    """What a policy is asked for.

    Attributes:
        word: One of the words of its training.
        guidance: 1: chunks as learned; more: away from the chunks that it samples when it is told nothing.
        dropout: Share of the chunks of which nothing is told while it trains.
    """

    word: str = GOOD
    guidance: float = 1.0
    dropout: float = DROPOUT
