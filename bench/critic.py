"""Measures the critic's learner against straightforward ones, in one run on the same data.

    naive          K separate networks in a loop, images encoded anew in every step, a' sampled in every step
    cached loop    the same with features and a' from a cache: what sharing one trunk saves by itself
    ours           one trunk and K readouts; features stored, a' cached per policy version
All at batch 256, K = 4 and the same sizes of network; figures are CPU seconds per optimiser step of one
thread, which other processes disturb little. The data are made up: their numbers matter here, not their content.
What critics know of real data is measured by studies/critic; --study FILE adds what it found for the defaults.
"""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from output import conclude, make_parser

from aloe_critic.batches import CriticBatch
from aloe_critic.critic_config import CriticConfig
from aloe_critic.critic_state import Sizes, State
from aloe_critic.learner import CriticLearner
from aloe_critic.networks import CriticNetwork, NetworkConfig
from aloe_data.transitions import RewardConfig
from aloe_policy.encoders.keypoints import ImageEncoder
from aloe_policy.flow import integrate
from aloe_policy.tiny.model import ModelConfig, TinyVLA
from aloe_policy.tokenizer import word_ids

NAMES = ("red cube", "green cube", "yellow cube", "blue cube")
SIZES = Sizes(num_cameras=3, tokens=4, token_width=3, names=NAMES, state_dim=20, action_dim=20, n_action_steps=25)
IMAGE = 96, 128  # height, width of views in px
ROWS = 2048  # of the replay
BATCHES = 8
PROMPT = "put the red cube in the left bin and the blue cube in the right bin"
QUICK = ("--seconds=1", "--batch-size=8")


class Policy:
    """An untrained policy of the shipped size, that proposes chunks in made-up states of a store."""

    version = "bench"
    stochastic = True
    noise_shape = (50, SIZES.action_dim)

    def __init__(self) -> None:
        self._model = TinyVLA(ModelConfig(SIZES.num_cameras, NAMES, SIZES.state_dim, SIZES.action_dim)).eval()
        self._states = make_states(ROWS, torch.Generator().manual_seed(1))

    @torch.no_grad()
    def at(self, row: NDArray[np.int64], noise: torch.Tensor) -> torch.Tensor:
        """Chunks as `StoredProposer.at` makes them."""
        states = self._states[torch.from_numpy(row)]
        prefix = self._model.prefix(states.tokens, states.words, states.state).repeat(len(noise), 1, 1, 1)
        flat = integrate(lambda x, tau: self._model.velocity(prefix, x, tau), noise.flatten(0, 1), 10)
        return flat.view(noise.shape)[:, :, : SIZES.n_action_steps]


def make_states(count: int, generator: torch.Generator) -> State:
    """Made-up states."""
    words = torch.from_numpy(np.tile(word_ids(PROMPT), (count, 1)))
    tokens = torch.rand(count, SIZES.num_cameras, len(NAMES), 3, generator=generator)
    return State(tokens, words, torch.randn(count, SIZES.state_dim, generator=generator))


def make_batches(size: int) -> list[CriticBatch]:
    """Batches of so many made-up chunks of one replay."""
    generator = torch.Generator().manual_seed(0)
    return [
        CriticBatch(
            state=make_states(size, generator),
            next_state=make_states(size, generator),
            actions=torch.randn(size, SIZES.n_action_steps, SIZES.action_dim, generator=generator),
            reward=torch.full((size,), -0.1),
            discount=torch.full((size,), 0.9),
            mask=torch.ones(size),
            success=torch.rand(size, generator=generator) < 0.5,
            row=torch.randint(ROWS, (size,), generator=generator),
            next_row=torch.randint(ROWS, (size,), generator=generator),
        )
        for _ in range(BATCHES)
    ]


def make_learner(config: NetworkConfig, policy: Policy, batch_size: int, **changes: float) -> CriticLearner:
    """Ours; a refresh of 1 draws a' in every step, as a learner without a cache does."""
    torch.manual_seed(0)
    learning = replace(CriticConfig(batch_size=batch_size, bootstrap_samples=1), **changes)  # type: ignore[arg-type]
    return CriticLearner(CriticNetwork(config, SIZES), policy, np.arange(ROWS), learning, RewardConfig())


def seconds_per_step(step: Callable[[CriticBatch], object], batches: list[CriticBatch], seconds: float) -> float:
    """Median CPU time over steps; the first pass over the batches fills caches and is not measured."""
    for batch in batches:
        step(batch)
    times = []
    end = time.perf_counter() + seconds
    while len(times) < 3 or time.perf_counter() < end:
        start = time.process_time()
        step(batches[len(times) % len(batches)])
        times.append(time.process_time() - start)
    return float(np.median(times))


def measure(seconds: float, batch_size: int) -> dict[str, float]:
    """Seconds per step of every learner."""
    four = NetworkConfig(num_critics=4, width=128, layers=3)
    policy = Policy()
    separate = replace(four, trunks="separate")
    batches = make_batches(batch_size)
    encoder = ImageEncoder(NAMES).eval()
    frames = torch.randint(0, 256, (batch_size * SIZES.num_cameras, *IMAGE, 3), dtype=torch.uint8)
    naive = make_learner(separate, policy, batch_size, bootstrap_refresh=1)

    def encode(state: State) -> State:
        with torch.no_grad():
            return replace(state, tokens=encoder(frames).unflatten(0, (batch_size, -1)))

    def naive_step(batch: CriticBatch) -> None:
        naive.step(replace(batch, state=encode(batch.state), next_state=encode(batch.next_state)))

    found = {"naive": seconds_per_step(naive_step, batches[:1], seconds)}
    found["cached_loop"] = seconds_per_step(make_learner(separate, policy, batch_size).step, batches, seconds)
    for k in (2, 4, 10):
        learner = make_learner(replace(four, num_critics=k), policy, batch_size)
        found[f"k{k}"] = seconds_per_step(learner.step, batches, seconds)
    return found


def known(study: Path) -> dict[str, float]:
    """What a study of levers found for critics with the defaults, means over seeds; what it has measured."""
    results = json.loads(study.read_text())
    runs = [found for name, found in results.items() if name.rsplit("_", 1)[0] == "defaults"]
    measured = {name: [run[column] for run in runs if column in run] for name, column in KNOWN.items()}
    return {name: float(np.mean(found)) for name, found in measured.items() if found}


def main() -> None:
    """Measure, print."""
    parser = make_parser(__doc__, QUICK, seconds=20.0)
    parser.add_argument("--study", type=Path, help="results.json of studies/critic/levers.py")
    parser.add_argument("--batch-size", type=int, default=256, help="chunks per step (default: 256)")
    options = parser.parse_args()
    torch.set_num_threads(1)
    found = measure(options.seconds / 5, options.batch_size)
    figures = {
        "steps_per_s": 1 / found["k4"],
        "ratio_to_naive": found["naive"] / found["k4"],
        "ratio_to_cached_loop": found["cached_loop"] / found["k4"],
        "cost_k10_over_k2": found["k10"] / found["k2"],
        **{f"step_{name}_ms": 1e3 * value for name, value in found.items()},
    }
    figures |= known(options.study) if options.study else {}
    floors = {name: least for name, least in LEAST.items() if name in figures}
    if options.png:
        draw(found, options.png)
    conclude("critic", figures, {"cost_k10_over_k2": 1.5}, options, floors)


LEAST = {
    "ratio_to_naive": 10.0,
    "ratio_to_cached_loop": 2.0,
    "rank_auc": 0.85,
    "advantage_auc": 0.75,
    "shuffle_gap": 0.5,
    "falls_at_blunder": 0.8,
}
KNOWN = {
    "rank_auc": "rank_auc",
    "advantage_auc": "branched_all",  # at branched states
    "shuffle_gap": "shuffle_gap",
    "q_out_of_bound": "out_of_bounds",
    "falls_at_blunder": "falls_at_blunder",
}


def draw(found: dict[str, float], file: object) -> None:
    """Seconds per step as bars."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4))
    axes.barh(list(found), [1e3 * value for value in found.values()])
    axes.set(xscale="log", xlabel="ms per step of 256 chunks", title="One step of the critic")
    figure.tight_layout()
    figure.savefig(file, dpi=110)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
