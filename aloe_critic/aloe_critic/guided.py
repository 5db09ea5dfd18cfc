"""Guided inference: of several chunks that a policy proposes, the one that a critic values most is executed.

The policy stays what it is: its prefix is encoded once, M chunks are sampled from it, and one of them goes. The version
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

from aloe_critic.checkpoint import TrainedCritic
from aloe_critic.critic_state import State
from aloe_critic.losses import aggregate, value
from aloe_critic.scorer import AskConfig, load_scorer
from aloe_data.chunk import guided_version
from aloe_data.config import parameter
from aloe_data.observation import Observation
from aloe_data.rig import Rig
from aloe_policy.tiny.policy import TinyPolicy
from aloe_policy.warm_up import made_up_observation

Score = Callable[[State, torch.Tensor], torch.Tensor]
"""Values [M] of normalised chunks [M, H, A] in one state."""

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


def critic_score(critic: TrainedCritic, q_agg: str = "min", kappa: float = 1.0) -> Score:
    """Pessimistic Q of the steps that the critic judges."""
    network = critic.network

    def score(state: State, chunks: torch.Tensor) -> torch.Tensor:
        prefix = network.prefix(state).repeat(len(chunks))
        out = network.evaluate(prefix, chunks[:, : network.sizes.n_action_steps])
        return aggregate(value(out, critic.support), q_agg, kappa)

    return score


def consensus(_: State, chunks: torch.Tensor) -> torch.Tensor:
    """Nearness to the mean of all: what choosing among samples gives without a critic. A control, for comparisons."""
    return -(chunks - chunks.mean(0)).square().flatten(1).mean(1)


class GuidedPolicy:
    """A `ChunkPolicy` that samples M chunks of another one and returns the one with the highest score.

    Args:
        policy: that proposes.
        score: that chooses.
        version: of both together.
        samples: M.
        seed: of the noise.
        deadline_s: longest time for one `infer`; when judging would end later, the first sample goes unjudged.
        clock: monotonic time [s].

    Attributes:
        judged, unjudged: chunks so far.
        gain: by how much the last chosen chunk's value exceeds the mean of its M.
    """

    def __init__(
        self,
        policy: TinyPolicy,
        score: Score,
        version: str,
        samples: int = 8,
        seed: int = 0,
        deadline_s: float = math.inf,
        clock: Callable[[], float] = perf_counter,
    ) -> None:
        self.version, self.rig_contract = version, policy.rig_contract
        self._policy, self._score, self._deadline_s, self._clock = policy, score, deadline_s, clock
        self._device = next(policy.encoder.parameters()).device
        self._generator = torch.Generator(self._device).manual_seed(seed)
        self._shape = samples, 1, policy.action_horizon, policy.rig.action_dim
        self._judging_s = 0.0  # expected
        self.judged = self.unjudged = 0
        self.gain = 0.0

    @torch.inference_mode()
    def infer(self, observation: Observation) -> NDArray[np.float32]:
        """One chunk of absolute set points, float32 [H, A].

        Raises:
            ValueError: a prompt without words.
        """
        began_s, policy = self._clock(), self._policy
        state = State(*policy.inputs(policy.observe(observation)))
        noise = torch.randn(self._shape, generator=self._generator, device=self._device)
        chunks = policy.sample_tokens(state.tokens, state.words, state.state, noise)[:, 0]
        chosen = chunks[self._choose(state, chunks, began_s)].cpu().numpy()
        joints = np.asarray(observation.state, dtype=np.float32)
        return policy.space.absolute(policy.normaliser.unchunk(chosen), joints)

    def warm_up(self) -> None:
        """One inference whose noise does not count; it measures how long judging takes."""
        self._policy.warm_up()
        random, deadline_s = self._generator.get_state(), self._deadline_s
        self._deadline_s = math.inf
        for _ in range(2):  # the first one pays for allocations
            self._judging_s = 0.0
            self.infer(made_up_observation(self._policy.rig))
        self._deadline_s, self.judged = deadline_s, 0
        self._generator.set_state(random)

    def _choose(self, state: State, chunks: torch.Tensor, began_s: float) -> int:
        sampled_s = self._clock()
        if sampled_s - began_s + self._judging_s > self._deadline_s:
            self.unjudged += 1
            self._judging_s *= 1.0 - FORGET  # so that one slow judgement is not the last one
            return 0
        values = self._score(state, chunks)
        best = int(values.argmax())
        self.judged, self.gain = self.judged + 1, float(values[best] - values.mean())
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
        path: the policy's checkpoint.
        rig: to drive.
        config: the critic, and how it chooses.
        seed: of the noise.
        device: where to compute.
        deadline_s: see GuidedPolicy.

    Raises:
        CheckpointError: they do not belong together, see `load_scorer`.
    """
    scorer = load_scorer(config.critic, Path(path), rig, config, device)
    version = guided_version(scorer.policy.version, scorer.critic.version)
    score = critic_score(scorer.critic, config.q_agg, config.kappa)
    return GuidedPolicy(scorer.policy, score, version, config.samples, seed, deadline_s)
