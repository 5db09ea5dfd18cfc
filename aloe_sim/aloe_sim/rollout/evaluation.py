"""How well does a policy do: one in-process episode per seed, in as many processes as wanted."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context

import numpy as np
from numpy.typing import NDArray

from aloe_data.observation import Observation
from aloe_data.statistics import wilson_interval
from aloe_data.vocabulary import Verdict
from aloe_sim.rollout.environment import RolloutEnv
from aloe_sim.tasks.expert_base import CannotHelpError
from aloe_sim.tasks.registry import make_expert

Policy = Callable[[Observation], NDArray[np.float32]]
"""From an observation to absolute set points float32 [H, A]."""
MakePolicy = Callable[[RolloutEnv, int], Policy]
"""Called before every episode with its seed, so that a result depends neither on the other seeds nor on their order."""


@dataclass(frozen=True)
class EpisodeResult:
    """How one episode ended; `progress` is the share of the goal that was reached, 0 to 1."""

    seed: int
    prompt: str
    verdict: Verdict
    progress: float
    length_s: float
    reason: str

    def __str__(self) -> str:
        reason = "" if self.verdict is Verdict.SUCCESS else f"  {self.reason}"
        verdict = self.verdict.name.lower()
        progress = f"{100 * self.progress:3.0f} %"
        return f"seed {self.seed:6}  {verdict:8} {self.length_s:5.1f} s  {progress}  {self.prompt}{reason}"


@dataclass(frozen=True)
class Evaluation:
    """What many episodes say together; aborted ones do not count as trials."""

    trials: int
    successes: int
    aborted: int
    progress: float
    length_s: float

    @property
    def success_rate(self) -> float:
        """Share of successes, 0 to 1."""
        return self.successes / max(1, self.trials)

    @property
    def interval(self) -> tuple[float, float]:
        """95 % Wilson interval of the success rate."""
        return wilson_interval(self.successes, self.trials)

    def __str__(self) -> str:
        low, high = self.interval
        rate = f"{100 * self.success_rate:.0f} %, 95 % interval {100 * low:.0f} to {100 * high:.0f} %"
        aborted = f", {self.aborted} aborted" if self.aborted else ""
        means = f"mean progress {100 * self.progress:.0f} %, mean length {self.length_s:.1f} s"
        return f"success {self.successes} of {self.trials} ({rate}){aborted}; {means}"


def expert_policy(env: RolloutEnv, seed: int) -> Policy:
    """The scripted expert of the task; it knows the true state of the scene, and needs no observation."""
    expert = make_expert(env.process.sim, seed=seed)
    config = env.config
    return lambda _: expert.chunk(config.action_horizon, executed=config.n_action_steps)


def run_episode(env: RolloutEnv, make_policy: MakePolicy, seed: int) -> EpisodeResult:
    """Run the episode of `seed` to its end; an expert that gives up has failed."""
    _, info = env.reset(seed=seed)
    policy = make_policy(env, seed)
    verdict = Verdict.NONE
    reason = ""
    while not verdict:
        try:
            info = env.step(policy(env.observation))[-1]
            verdict = info["verdict"]
            reason = info["reason"]
        except CannotHelpError as error:
            verdict = Verdict.FAILURE
            reason = str(error)
    return EpisodeResult(seed, env.process.sim.prompt, verdict, info["progress"], env.length_s, reason)


def evaluate(
    make_env: Callable[[], RolloutEnv], make_policy: MakePolicy, seeds: Iterable[int], processes: int = 1
) -> Iterator[EpisodeResult]:
    """Results as they come in.

    Args:
        make_env: Function that makes the environment, once per process; picklable when there are several.
        make_policy: Function that makes the policy before every episode; picklable when there are several processes.
        seeds: Seeds of the episodes.
        processes: Number of processes; 1 runs everything in this one.

    Raises:
        BrokenProcessPool: A process died; its last words stand in its output.
    """
    if processes == 1:
        env = make_env()
        yield from (run_episode(env, make_policy, seed) for seed in seeds)
        env.close()
        return
    with ProcessPoolExecutor(processes, get_context("spawn"), _begin, (make_env, make_policy)) as pool:
        for done in as_completed([pool.submit(_run, seed) for seed in seeds]):
            yield done.result()


def summarise(results: Iterable[EpisodeResult]) -> Evaluation:
    """Success rate, progress and length over all episodes that count."""
    results = list(results)
    counted = [r for r in results if r.verdict is not Verdict.ABORT]
    return Evaluation(
        trials=len(counted),
        successes=sum(r.verdict is Verdict.SUCCESS for r in counted),
        aborted=len(results) - len(counted),
        progress=float(np.mean([r.progress for r in counted])) if counted else 0.0,
        length_s=float(np.mean([r.length_s for r in counted])) if counted else 0.0,
    )


_worker: tuple[RolloutEnv, MakePolicy] | None = None  # of this process, while it is one of a pool


def _begin(make_env: Callable[[], RolloutEnv], make_policy: MakePolicy) -> None:
    global _worker
    _worker = make_env(), make_policy


def _run(seed: int) -> EpisodeResult:
    assert _worker is not None, "the pool's initializer makes it"
    return run_episode(*_worker, seed)
