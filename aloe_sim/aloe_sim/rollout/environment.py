"""The simulated rig as a Gymnasium environment: a step is a chunk, followed by the ROS graph's own control loop."""

import contextlib
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from aloe_control.tick import TickResult
from aloe_data.codecs import decode_of, encode_for
from aloe_data.config import parameter
from aloe_data.observation import Observation
from aloe_data.rig import Rig
from aloe_data.seeds import HELD_OUT
from aloe_data.vocabulary import Verdict
from aloe_sim.rig.cameras import CameraRenderer
from aloe_sim.rig.sim_rig import ActuatorNoise, SimRig
from aloe_sim.rollout.episode import Episode
from aloe_sim.rollout.in_process import ChunkRefusedError, InProcessRig
from aloe_sim.tasks import make_task
from aloe_sim.tasks.variation import VARIATIONS

Values = dict[str, Any]
MAX_PROMPT = 200  # characters


@dataclass(frozen=True)
class EnvConfig:
    """What a step is, and what an episode."""

    task: str = parameter("", doc="task; empty: the one that the rig file names")
    action_horizon: int = parameter(50, low=1, high=1000, doc="rows of an action, H")
    n_action_steps: int = parameter(25, low=1, high=1000, doc="control ticks per step")
    latency_ticks: int = parameter(0, low=0, high=50, doc="ticks from an observation until its chunk is followed")
    timeout_s: float = parameter(40.0, unit="s", low=0.5, high=3600.0, doc="limit of an episode")
    images: bool = parameter(True, doc="observe the cameras, as their transport carries them (JPEG or raw)")
    noise: float = parameter(0.0, unit="rad", low=0.0, high=0.2, doc="std of a wandering offset on the joints")
    variation: str = parameter("none", choices=tuple(VARIATIONS), doc="how much scenes differ, and what disturbs them")

    def __post_init__(self) -> None:
        if not self.latency_ticks < self.n_action_steps <= self.action_horizon:
            raise ValueError(
                f"latency_ticks = {self.latency_ticks}, n_action_steps = {self.n_action_steps}, action_horizon = "
                f"{self.action_horizon}: each must be smaller than the next (the last two may be equal)"
            )


class RolloutEnv(gymnasium.Env[Values, NDArray[np.float32]]):
    """Episodes of one task, as fast as the CPU allows; cameras are rendered only where a step ends.

    Observations: "state" float32 [S], "prompt", and with images "images", camera name to uint8 [h, w, 3] RGB.
    Actions: absolute set points float32 [H, A] in the rig's `action_layout`, row 0 for the tick of the observation.
    Reward: 1 for success, else 0. `info` holds "verdict", "reason" and "progress".

    Args:
        rig: Description of a simulated rig.
        config: What a step is, and what an episode; None: the defaults.

    Attributes:
        observation: What the last `reset` or `step` returned, in the form that policies take.
        ticks: What the control loop did in the last step.

    Raises:
        ValueError: The rig is not simulated, or knows no such task.
    """

    def __init__(self, rig: Rig, config: EnvConfig | None = None) -> None:
        self.rig = rig
        self.config = config or EnvConfig()
        task = make_task(self.config.task) if self.config.task else None
        noise = ActuatorNoise(self.config.noise)
        self.process = InProcessRig(SimRig(rig, task, noise, VARIATIONS[self.config.variation]))
        self._renderer = CameraRenderer(self.process.sim.model, rig) if self.config.images else None
        self._episode = Episode(self.process, self.config.timeout_s)
        self.observation: Observation
        self.ticks: list[TickResult] = []
        self.observation_space = self._observations()
        shape = self.config.action_horizon, rig.action_dim
        self.action_space = spaces.Box(-np.inf, np.inf, shape, np.float32)

    def _observations(self) -> spaces.Dict:
        low = [joint.lower for arm in self.rig.arms for joint in arm.all_joints]
        high = [joint.upper for arm in self.rig.arms for joint in arm.all_joints]
        margin = 0.1  # rad and m: arms under load sag beyond their limits
        parts: dict[str, spaces.Space[Any]] = {
            "state": spaces.Box(np.array(low, np.float32) - margin, np.array(high, np.float32) + margin),
            "prompt": spaces.Text(MAX_PROMPT, min_length=0, charset="".join(map(chr, range(32, 127)))),
        }
        if self.config.images:
            parts["images"] = spaces.Dict(
                {c.name: spaces.Box(0, 255, (c.height, c.width, 3), np.uint8) for c in self.rig.cameras}
            )
        return spaces.Dict(parts)

    @property
    def length_s(self) -> float:
        """How long the episode has lasted, s."""
        return self._episode.length_s

    def _observe(self) -> Observation:
        sim = self.process.sim
        images = {}
        if self._renderer is not None:
            for camera in self.rig.cameras:
                sent = encode_for(camera, self._renderer.render(sim.data, camera.name))
                images[camera.name] = decode_of(camera, sent)
        return Observation(self.process.stamp_ns, self.process.joints(), images, sim.prompt)

    def reset(self, *, seed: int | None = None, options: Values | None = None) -> tuple[Values, Values]:
        """Begin the episode of `seed` (None: a random one that is not held out); `options` may hold a "prompt".

        Raises:
            ValueError: The prompt names nothing in the scene.
        """
        super().reset(seed=seed)
        scene = seed if seed is not None else int(self.np_random.integers(HELD_OUT.start))
        self.process.sim.data.time = 0.0  # so that nothing of an episode depends on the ones before
        self._episode.begin(scene, (options or {}).get("prompt", ""))
        self.ticks = []
        return self._values(), self._info()

    def step(self, action: NDArray[np.float32]) -> tuple[Values, float, bool, bool, Values]:
        """Follow a chunk for `n_action_steps` ticks, or until the episode ends.

        Raises:
            RuntimeError: The episode has ended; reset first.
        """
        episode = self._episode
        if episode.verdict:
            raise RuntimeError(f"the episode has ended ({episode.verdict.name.lower()}: {episode.reason}); call reset")
        stamp_ns = self.process.stamp_ns
        self.ticks = []
        for tick in range(self.config.n_action_steps):
            if tick == self.config.latency_ticks:
                self._offer(action, stamp_ns)
            result = episode.tick()
            if result is not None:
                self.ticks.append(result)
            if episode.verdict:
                break
        reward = float(episode.verdict is Verdict.SUCCESS)
        timeout = episode.verdict is Verdict.TIMEOUT
        return self._values(), reward, bool(episode.verdict) and not timeout, timeout, self._info()

    def close(self) -> None:
        """Free the OpenGL contexts."""
        if self._renderer is not None:
            self._renderer.close()
            self._renderer = None

    def _offer(self, action: NDArray[np.float32], stamp_ns: int) -> None:
        with contextlib.suppress(
            ChunkRefusedError
        ):  # refused: the old chunk goes on, and then the fault says why it ended
            self.process.offer(action, "policy", stamp_ns)

    def _values(self) -> Values:
        self.observation = self._observe()
        values: Values = {"state": self.observation.state, "prompt": self.observation.prompt}
        if self.config.images:
            values["images"] = self.observation.images
        return values

    def _info(self) -> Values:
        progress = self.process.sim.task.progress(self.process.sim.data)
        return {"verdict": self._episode.verdict, "reason": self._episode.reason, "progress": progress}
