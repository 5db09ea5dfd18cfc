"""Episodes without pictures, for studies of many thousands: no rendering, no encoder, no bags.

A policy sees what its encoder would have said: the simulator's own keypoints in each view, with errors such as the
encoder makes (`encoder_errors.py`). Physics, control loop, the scripted human and all learning code are those of the
real thing; what was done goes straight into a store of episodes: some 4 s of one core for an episode with a person.
"""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aloe_control.tick import TickResult
from aloe_data.observation import Observation
from aloe_data.rig import Rig
from aloe_data.vocabulary import Authority, RequestKind, Verdict
from aloe_policy.backend import ChunkPolicy, load_policy
from aloe_policy.checkpoint import Checkpoint
from aloe_policy.kind import Kind
from aloe_policy.tiny.policy import TinyPolicy
from aloe_sim.rig.sim_rig import ActuatorNoise, SimRig
from aloe_sim.rollout.assisted import AssistedRig
from aloe_sim.rollout.episode import Episode
from aloe_sim.rollout.in_process import ChunkRefusedError, InProcessRig
from aloe_sim.tasks import make_task
from aloe_sim.tasks.variation import VARIATIONS
from aloe_teleop.devices.scripted import ScriptedConfig
from studies.common.encoder_errors import EncoderErrors, true_places

CAMERA_TICKS = 2  # control ticks between two frames of the cameras
NO_NOISE = ActuatorNoise()


class SimulatedEncoder:
    """What an encoder would have said about the present views: float16 [C, K, 3], see `ImageEncoder`."""

    def __init__(self, sim: SimRig, errors: EncoderErrors) -> None:
        self._sim = sim
        self._errors = errors
        self.rng = np.random.default_rng(0)

    def __call__(self) -> NDArray[np.float16]:
        return self._errors.seen(true_places(self._sim), self.rng)


class KeypointPolicy(TinyPolicy):
    """A tiny VLA that reads a simulated encoder in place of images."""

    simulated_encoder: Callable[[], NDArray[np.float16]]

    def look(self, observation: Observation) -> NDArray[np.float16]:
        return self.simulated_encoder()


def load_with_encoder(path: str, rig: Rig, encoder: Callable[[], NDArray[np.float16]], seed: int) -> KeypointPolicy:
    """A checkpoint's policy that reads a simulated encoder in place of its own.

    Raises:
        CheckpointError: see `load_policy`.
    """

    def make(checkpoint: Checkpoint, rig: Rig, *, seed: int, device: str) -> ChunkPolicy:
        return KeypointPolicy.from_checkpoint(checkpoint, rig, seed=seed, device=device)

    policy = load_policy(path, rig, seed=seed, kinds={"tiny": lambda: Kind("tiny", make)})
    assert isinstance(policy, KeypointPolicy), "made above"
    policy.simulated_encoder = encoder
    policy.warm_up()  # draws for this do not count: an episode begins with draws of its own
    return policy


@dataclass(frozen=True)
class Outcome:
    """How an episode ended; the takeovers in it, and the share of its arm-ticks in human hands."""

    seed: int
    prompt: str
    verdict: str
    reason: str
    length_s: float
    takeovers: int
    by_human: float


@dataclass
class Recording:
    """Ticks of an episode, and features of the views; those of a camera tick serve until the next one."""

    ticks: list[TickResult] = field(default_factory=list)
    states: list[NDArray[np.float32]] = field(default_factory=list)
    views: list[NDArray[np.float16]] = field(default_factory=list)


class World:
    """One task with everything around it.

    Args:
        rig: Simulated rig.
        task: Name of the task.
        errors: Errors of the encoder that policies read.
        variation: Name of how much scenes differ.
        n_action_steps: Ticks from one chunk to the next.
        timeout_s: Time limit of an episode.
        person: Scripted operator of assisted episodes; None: there are none.
        noise: Noise of the arms.
        latency_ticks: Ticks from an observation until its chunk is followed; fewer than `n_action_steps`.

    Raises:
        ValueError: no such task, or one without keypoints; chunks that would never be followed.
    """

    def __init__(
        self,
        rig: Rig,
        task: str,
        errors: EncoderErrors,
        variation: str = "none",
        n_action_steps: int = 25,
        timeout_s: float = 30.0,
        person: ScriptedConfig | None = None,
        noise: ActuatorNoise = NO_NOISE,
        latency_ticks: int = 0,
    ) -> None:
        if latency_ticks >= n_action_steps:
            raise ValueError(
                f"latency of {latency_ticks} ticks: a chunk every {n_action_steps} ticks would never be followed"
            )
        self.rig = rig
        self.h = n_action_steps
        self._latency_ticks = latency_ticks
        sim = SimRig(rig, make_task(task), noise, VARIATIONS[variation])
        self.process = InProcessRig(sim)
        self.encoder = SimulatedEncoder(sim, errors)
        self._person = AssistedRig(self.process, person) if person else None
        self._episode = Episode(self.process, timeout_s)

    def roll(self, seed: int, policy: Any, recording: Recording | None = None, human: bool = False) -> Outcome:
        """An episode of a policy, with the person beside it or alone.

        Args:
            seed: Seed of the scene.
            policy: Policy with `infer` and `version` that reads this world's encoder.
            recording: Recording to fill; None: nothing is recorded.
            human: Whether the operator may take over.
        """
        self._begin(seed)
        person = self._person if human else None
        process = self.process
        if person is not None:
            person.begin(f"scene {seed}", seed)

        episode = self._episode
        by_human = 0
        while not episode.verdict:
            if episode.ticks % self.h == 0:
                stamp_ns = process.stamp_ns
                rows = self._infer(policy)
            if episode.ticks % self.h == self._latency_ticks:
                # The chunk before a refused one goes on; if it ends, the fault says why.
                with contextlib.suppress(ChunkRefusedError):
                    process.offer(rows, policy.version, stamp_ns)
            given, why = person.poll() if person else (Verdict.NONE, "")
            if recording is not None:
                self._note(recording, episode.ticks)
            result = episode.tick()
            if result is not None:
                by_human += sum(arm.source == Authority.HUMAN for arm in result.arms)
                if recording is not None:
                    recording.ticks.append(result)
            # The judge knows better how an episode has ended than the operator does.
            if given and not episode.verdict:
                episode.end(Verdict.FAILURE, why)
        takeovers = sum(asked.request.kind == RequestKind.TAKE for asked in person.asked) if person else 0
        return Outcome(
            seed,
            process.sim.prompt,
            episode.verdict.name.lower(),
            episode.reason,
            episode.length_s,
            takeovers,
            by_human=by_human / (episode.ticks * len(self.rig.arms)),
        )

    def _begin(self, seed: int) -> None:
        self.process.sim.data.time = 0.0
        self._episode.begin(seed)
        self.encoder.rng = np.random.default_rng([seed, 7])

    def _infer(self, policy: Any) -> NDArray[np.float32]:
        process = self.process
        rows: NDArray[np.float32] = policy.infer(
            Observation(process.stamp_ns, process.joints(), {}, process.sim.prompt)
        )
        return rows

    def _note(self, recording: Recording, tick: int) -> None:
        if tick % CAMERA_TICKS == 0:
            recording.views.append(self.encoder())
        recording.states.append(self.process.joints())
