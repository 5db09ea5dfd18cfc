"""Episodes of the scripted expert, stepped in one process."""

from collections.abc import Callable

import numpy as np

from aloe_data.chunk import Chunk
from aloe_data.vocabulary import Verdict
from aloe_sim.rig.sim_rig import ActuatorNoise, UnstablePhysicsError
from aloe_sim.rollout.in_process import InProcessRig
from aloe_sim.rollout.judge import Judge
from aloe_sim.tasks.expert_base import CannotHelpError
from aloe_sim.tasks.registry import make_expert

HORIZON = 50  # ticks of a chunk
FOLLOWED = (5, 25)  # of these at least and at most; it varies, as it does for policies
NOISE_LEVELS = (0.0, 0.5, 1.0)  # shares of the largest actuator noise


class Demonstration:
    """One episode: the scene is placed on creation.

    Args:
        process: rig to work on.
        seed: of the scene, and of all that varies in what the expert does.
        noise_rad: largest actuator noise (std); what the arms have is drawn.
    """

    def __init__(self, process: InProcessRig, seed: int, noise_rad: float) -> None:
        self._process, self._rng = process, np.random.default_rng(seed)
        process.sim.noise = ActuatorNoise(float(self._rng.choice(NOISE_LEVELS)) * noise_rad)
        self.prompt = process.reset(seed)

    def run(
        self, limit: int, tick: Callable[[int], None], on_chunk: Callable[[Chunk], None] = lambda chunk: None
    ) -> tuple[Verdict, str]:
        """Work until the judge says how it ended, and why.

        Args:
            limit: ticks at most.
            tick: called with 0, 1, ...; steps the rig by one tick, and records what it likes.
            on_chunk: called with every chunk that is offered to the control loop.
        """
        try:
            return self._run(limit, tick, on_chunk)
        except CannotHelpError as error:
            return Verdict.FAILURE, str(error)
        except UnstablePhysicsError as error:
            return Verdict.ABORT, str(error)

    def _run(self, limit: int, tick: Callable[[int], None], on_chunk: Callable[[Chunk], None]) -> tuple[Verdict, str]:
        process, judge = self._process, Judge(self._process.sim.task)
        expert, next_chunk = make_expert(process.sim), 0
        judge.begin()
        for number in range(limit):
            if number == next_chunk:
                steps = int(self._rng.integers(FOLLOWED[0], FOLLOWED[1] + 1))
                on_chunk(process.offer(expert.chunk(HORIZON, executed=steps), "expert"))
                next_chunk += steps
            tick(number)
            if judgement := judge.judge(process.stamp_ns, process.sim.data):
                return (Verdict.SUCCESS if judgement.success else Verdict.FAILURE), judgement.reason
        return Verdict.TIMEOUT, f"no success within {limit / process.rig.rate_hz:g} s"
