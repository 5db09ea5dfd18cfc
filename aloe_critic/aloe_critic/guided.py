"""Guided inference: of several chunks that a policy proposes, the one that a critic values most is executed.

The policy stays what it is: its condition is computed once, M chunks are sampled, and one of them goes. The version
of that chunk names the policy and the critic, so that records tell by whom it was made (`aloe_data.chunk.policy_of`).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aloe_critic.losses import aggregate, value
from aloe_critic.scorer import AskConfig, ChunkScorer, load_scorer
from aloe_data.chunk import guided_version
from aloe_data.config import parameter
from aloe_data.observation import Observation
from aloe_data.rig import Rig
from aloe_policy.backend import TrainablePolicy
from aloe_policy.checkpoint import CheckpointError
from aloe_policy.observation_batch import ObservationBatch
from aloe_policy.warm_up import made_up_observation

Score = Callable[[Observation, ObservationBatch, Tensor], Tensor]
"""Values [M] of chunks [M, H, A] in the policy's units, in one observation, live and as the policy reads it (B = 1)."""

FORGET = 0.2  # weight of the newest measurement of how long judging takes


@dataclass(frozen=True)
class GuidedConfig(AskConfig):
    """Who chooses, and from how many."""

    critic: Path = parameter(doc="folder of the critic that chooses")
    samples: int = parameter(8, low=1, high=256, doc="M, chunks to choose from")
    q_agg: str = parameter(
        "min", choices=("min", "mean-std", "mean"), doc="how pessimistic the ensemble's value of a chunk is"
    )
    kappa: float = parameter(1.0, low=0.0, doc="standard deviations that 'mean-std' takes off")


def critic_score(scorer: ChunkScorer, q_agg: str = "min", kappa: float = 1.0) -> Score:
    """Pessimistic Q of the steps that the critic judges."""
    network = scorer.critic.network

    def score(observation: Observation, batch: ObservationBatch, chunks: Tensor) -> Tensor:
        prefix = network.prefix(scorer.observe(observation, batch)).repeat(len(chunks))
        judged = scorer.proposer.convert(chunks[:, None], batch.joints)[:, 0]
        return aggregate(value(network.evaluate(prefix, judged), scorer.critic.support), q_agg, kappa)

    return score


def consensus(_: Observation, __: ObservationBatch, chunks: Tensor) -> Tensor:
    """Nearness to the mean of all: what choosing among samples gives without a critic. A control, for comparisons."""
    return -(chunks - chunks.mean(0)).square().flatten(1).mean(1)


class GuidedPolicy:
    """A `ChunkPolicy` that samples M chunks of another one and returns the one with the highest score.

    Args:
        policy: Policy that proposes.
        score: Score that chooses.
        version: Version of both together.
        samples: M, chunks to choose from.
        seed: Seed of the noise.
        deadline_s: Longest time for one `infer`; when judging would end later, the first sample goes unjudged.
        clock: Monotonic time in s.

    Attributes:
        judged: Number of chunks so far that the score chose.
        unjudged: Number of chunks so far that went unjudged.
        gain: By how much the last chosen chunk's value exceeds the mean of its M.
    """

    def __init__(
        self,
        policy: TrainablePolicy,
        score: Score,
        version: str,
        samples: int = 8,
        seed: int = 0,
        deadline_s: float = math.inf,
        clock: Callable[[], float] = perf_counter,
    ) -> None:
        self.version = version
        self.rig_contract = policy.rig_contract
        self._policy = policy
        self._score = score
        self._deadline_s = deadline_s
        self._clock = clock
        self._device = policy.trainable().device
        self._generator = torch.Generator(self._device).manual_seed(seed)
        self._shape = samples, 1, policy.action_horizon, policy.rig.action_dim
        self._judging_s = 0.0  # expected
        self.judged = 0
        self.unjudged = 0
        self.gain = 0.0

    @torch.inference_mode()
    def infer(self, observation: Observation) -> NDArray[np.float32]:
        """One chunk of absolute set points, float32 [H, A].

        Raises:
            ValueError: A prompt that the policy or the critic cannot read.
        """
        began_s = self._clock()
        policy = self._policy
        batch = policy.observe(observation)
        noise = torch.randn(self._shape, generator=self._generator, device=self._device)
        chunks = policy.sample(policy.condition(batch), noise)[:, 0]
        chosen = chunks[self._choose(observation, batch, chunks, began_s)].cpu().numpy()
        joints = np.asarray(observation.state, dtype=np.float32)
        return policy.space.absolute(policy.normaliser.unchunk(chosen), joints)

    def warm_up(self) -> None:
        """One inference whose noise does not count; it measures how long judging takes."""
        self._policy.warm_up()
        random = self._generator.get_state()
        deadline_s = self._deadline_s
        self._deadline_s = math.inf
        for _ in range(2):  # the first one pays for allocations
            self._judging_s = 0.0
            self.infer(made_up_observation(self._policy.rig))
        self._deadline_s = deadline_s
        self.judged = 0
        self._generator.set_state(random)

    def _choose(self, observation: Observation, batch: ObservationBatch, chunks: Tensor, began_s: float) -> int:
        sampled_s = self._clock()
        if sampled_s - began_s + self._judging_s > self._deadline_s:
            self.unjudged += 1
            self._judging_s *= 1.0 - FORGET  # so that one slow judgement is not the last one
            return 0
        values = self._score(observation, batch, chunks)
        best = int(values.argmax())
        self.judged += 1
        self.gain = float(values[best] - values.mean())
        weight = FORGET if self._judging_s else 1.0
        self._judging_s += weight * (self._clock() - sampled_s - self._judging_s)
        return best


def load_guided(
    path: str | Path,
    rig: Rig,
    config: GuidedConfig,
    *,
    seed: int = 0,
    device: str = "cpu",
    deadline_s: float = math.inf,
) -> GuidedPolicy:
    """A policy and the critic that chooses among its chunks, both read now.

    Args:
        path: Checkpoint of the policy.
        rig: Rig to drive.
        config: Critic, and how it chooses.
        seed: Seed of the noise.
        device: Device to compute on.
        deadline_s: Longest time for one inference, see GuidedPolicy.

    Raises:
        CheckpointError: They do not belong together, see `load_scorer`; or there is nothing to choose from.
    """
    scorer = load_scorer(config.critic, Path(path), rig, config, device)
    if not scorer.policy.stochastic:
        raise CheckpointError(
            f"{path}: gives the same chunk whatever the noise, so there is nothing to choose from; drive with it "
            "unguided (guided:=false), or with a policy that samples"
        )
    version = guided_version(scorer.policy.version, scorer.critic.version)
    score = critic_score(scorer, config.q_agg, config.kappa)
    return GuidedPolicy(scorer.policy, score, version, config.samples, seed, deadline_s)
