"""Demonstrations without pictures (`keypoint_world.py`): a second of one core each."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from aloe_data.episode_store import EpisodeStore
from aloe_data.frame_store import FrameStore
from aloe_data.rig import Rig
from aloe_sim.rig.sim_rig import SimRig
from aloe_sim.rollout.demonstration import Demonstration
from aloe_sim.rollout.in_process import InProcessRig
from aloe_sim.tasks import make_task
from aloe_sim.tasks.variation import VARIATIONS
from studies.common.encoder_errors import EncoderErrors
from studies.common.keypoint_store import keep
from studies.common.keypoint_world import CAMERA_TICKS, Outcome, Recording, SimulatedEncoder

LONGEST_S = 40.0  # of a demonstration


@dataclass(frozen=True)
class Series:
    """Demonstrations of one kind: seeds of scenes, their variation, and the largest noise of the arms in rad."""

    seeds: range
    variation: str
    noise: float


def demonstrate(process: InProcessRig, encoder: SimulatedEncoder, seed: int, noise: float) -> tuple[Recording, Outcome]:
    """An episode of the expert, seen through this encoder."""
    demonstration = Demonstration(process, seed, noise, LONGEST_S)
    recording = Recording()
    encoder.rng = np.random.default_rng([seed, 7])
    while not demonstration.verdict:
        demonstration.offer_if_due()
        if demonstration.verdict:
            break
        if demonstration.ticks % CAMERA_TICKS == 0:
            recording.views.append(encoder())
        recording.states.append(process.joints())
        result = demonstration.tick()
        if result is not None:
            recording.ticks.append(result)
    length_s = len(recording.ticks) / process.rig.rate_hz
    ended = demonstration.prompt, demonstration.verdict.name.lower(), demonstration.reason, length_s
    return recording, Outcome(seed, *ended, takeovers=0, by_human=0.0)


def fill(
    stored: tuple[EpisodeStore, FrameStore], rig: Rig, task: str, errors: EncoderErrors, wanted: Iterable[Series]
) -> None:
    """Add the demonstrations that a store does not have yet."""
    known = {episode.seed for episode in stored[0].episodes}
    for series in wanted:
        process = InProcessRig(SimRig(rig, make_task(task), variation=VARIATIONS[series.variation]))
        encoder = SimulatedEncoder(process.sim, errors)
        for seed in series.seeds:
            if seed not in known:
                keep(*demonstrate(process, encoder, seed, series.noise), f"demo_{seed}", *stored)
