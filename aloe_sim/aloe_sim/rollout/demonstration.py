"""Episodes of the scripted expert, stepped in one process."""

from collections.abc import Callable

import numpy as np

from aloe_control.tick import TickResult
from aloe_data.chunk import Chunk
from aloe_data.vocabulary import Verdict
from aloe_sim.rig.sim_rig import ActuatorNoise
from aloe_sim.rollout.episode import Episode
from aloe_sim.rollout.in_process import ChunkRefusedError, InProcessRig, nothing
from aloe_sim.tasks.expert_base import CannotHelpError
from aloe_sim.tasks.registry import make_expert

HORIZON = 50  # ticks of a chunk
FOLLOWED = (5, 25)  # of these at least and at most; it varies, as it does for policies
NOISE_LEVELS = (0.0, 0.5, 1.0)  # shares of the largest actuator noise


class Demonstration:
    """One episode: the scene is placed on creation.

        while not demonstration.verdict:
            chunk = demonstration.offer_if_due()
            result = demonstration.tick()

    Args:
        process: Rig to work on.
        seed: Seed of the scene, and of all that varies in what the expert does.
        noise_rad: Largest actuator noise (std); what the arms have is drawn.
        timeout_s: Longest duration of the episode.

    Attributes:
        prompt: The task in words.

    Raises:
        NotArmedError: The control loop refused to enable motion in this scene.
    """

    def __init__(self, process: InProcessRig, seed: int, noise_rad: float, timeout_s: float) -> None:
        self._process = process
        self._rng = np.random.default_rng(seed)
        process.sim.noise = ActuatorNoise(float(self._rng.choice(NOISE_LEVELS)) * noise_rad)
        self._episode = Episode(process, timeout_s, judge_hz=None)
        self.prompt = self._episode.begin(seed)
        self._expert = make_expert(process.sim)
        self._next_chunk = 0

    @property
    def verdict(self) -> Verdict:
        """How the episode ended; NONE while it runs."""
        return self._episode.verdict

    @property
    def reason(self) -> str:
        """Why it ended, in words."""
        return self._episode.reason

    @property
    def ticks(self) -> int:
        """Number of control ticks since its beginning."""
        return self._episode.ticks

    def offer_if_due(self) -> Chunk | None:
        """Offer the expert's next chunk to the control loop, once as much of the last one was followed as was drawn.

        An expert that knows no way to the goal, or whose chunk is refused, ends the episode.

        Returns:
            The chunk that was offered, if any.
        """
        if self.verdict or self.ticks < self._next_chunk:
            return None
        steps = int(self._rng.integers(FOLLOWED[0], FOLLOWED[1] + 1))
        self._next_chunk += steps
        try:
            return self._process.offer(self._expert.chunk(HORIZON, executed=steps), "expert")
        except (CannotHelpError, ChunkRefusedError) as error:
            self._episode.end(Verdict.FAILURE, str(error))
            return None

    def tick(self, on_slice: Callable[[int], None] = nothing) -> TickResult | None:
        """Step the rig by one control tick; see `Episode.tick`."""
        return self._episode.tick(on_slice)
