"""Pictures of the scene with keypoint labels, to pretrain an image encoder: `ros2 run aloe_sim render_scenes`.

The labels are privileged: only a simulator knows them. The expert moves the arms, under actuator noise, so that views
show what a policy will meet: arms in the way, cubes in hand, in the bin and beside it.
"""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from aloe_data.command import run_command
from aloe_data.config import parameter
from aloe_data.durable import replacing
from aloe_data.rig import Rig, RigError
from aloe_data.rig_file import load_rig
from aloe_data.seeds import refuse_held_out
from aloe_data.vocabulary import Verdict
from aloe_sim.rig.cameras import CameraRenderer
from aloe_sim.rig.keypoints import keypoint_labels
from aloe_sim.rig.sim_rig import ActuatorNoise, SimRig
from aloe_sim.rollout.episode import Episode
from aloe_sim.rollout.in_process import ChunkRefusedError, InProcessRig
from aloe_sim.tasks import make_task
from aloe_sim.tasks.expert_base import CannotHelpError, Expert
from aloe_sim.tasks.registry import make_expert
from aloe_sim.tasks.variation import VARIATIONS

NOISE_RAD = (0.0, 0.015, 0.03)
MAX_S = 20.0  # of an episode
HORIZON = 50  # ticks of a chunk of the expert
FOLLOWED = 25  # ticks of these until the next chunk


@dataclass(frozen=True)
class ScenesConfig:
    """What `render_scenes` makes."""

    rig: Path = parameter(doc="rig file")
    task: str = parameter("", doc="task; empty: the one that the rig file names")
    out: Path = parameter(doc="file to write (.npz)")
    frames: int = parameter(6000, low=1, doc="moments to render; each gives one view per camera")
    seed: int = parameter(500_000, low=0, doc="seed of the first episode; rises by one")
    stride: int = parameter(20, unit="ticks", low=1, doc="control ticks between rendered moments")
    width: int = parameter(128, unit="px", low=16, doc="width of the views")
    height: int = parameter(96, unit="px", low=16, doc="height of the views")
    variation: str = parameter(
        "none", choices=tuple(VARIATIONS), doc="of the scenes; training: of colours and lights, too"
    )
    hidden: bool = parameter(True, doc="keypoints that something hides are labelled, too")


class SceneRecorder:
    """Rolls episodes and keeps views and labels."""

    def __init__(self, rig: Rig, config: ScenesConfig) -> None:
        self._config = config
        self._rig = rig
        task = make_task(config.task) if config.task else None
        self._process = InProcessRig(SimRig(rig, task, variation=VARIATIONS[config.variation]))
        # Nothing is learned from arms that stand still at the goal: the episode ends there, and not when it has lasted.
        self._episode = Episode(self._process, MAX_S, judge_hz=None, hold_s=0.0)
        self.names = self._process.sim.task.keypoint_names
        keypoint_labels(self._process.sim)  # refuses a task without any before an hour is spent
        self._renderer = CameraRenderer(self._process.sim.model, rig)
        self.views: list[NDArray[np.uint8]] = []
        self.labels: list[NDArray[np.float32]] = []

    def episode(self, seed: int) -> int:
        """One episode of the expert; returns how many moments it gave."""
        sim = self._process.sim
        before = len(self.views)
        sim.noise = ActuatorNoise(float(np.random.default_rng(seed).choice(NOISE_RAD)))
        self._episode.begin(seed)
        expert = make_expert(sim)
        while not self._episode.verdict:
            if self._episode.ticks % self._config.stride == 0:
                self._keep()
            if self._episode.ticks % FOLLOWED == 0:
                self._offer(expert)
            self._episode.tick()
        return len(self.views) - before

    def _offer(self, expert: Expert) -> None:
        """Offer the expert's next chunk; what got the scene to where it knows no way is worth seeing, too."""
        try:
            self._process.offer(expert.chunk(HORIZON, executed=FOLLOWED), "expert")
        except (CannotHelpError, ChunkRefusedError) as error:
            self._episode.end(Verdict.FAILURE, str(error))

    def _keep(self) -> None:
        sim = self._process.sim
        size = (self._config.width, self._config.height)
        views = [self._renderer.render(sim.data, camera.name) for camera in self._rig.cameras]
        self.views.append(np.stack([cv2.resize(v, size, interpolation=cv2.INTER_AREA) for v in views]))
        self.labels.append(keypoint_labels(sim, self._config.hidden))


def render_scenes(config: ScenesConfig) -> None:
    """Render as many moments as are wanted, and write them to the file.

    Args:
        config: What is rendered.

    Raises:
        RigError: The rig file is not valid.
        ValueError: There is no such task, it has no keypoints, or the seeds are held out for measuring.
    """
    recorder = SceneRecorder(load_rig(config.rig), config)
    seed = config.seed
    with tqdm(total=config.frames, unit="frame") as progress:
        while len(recorder.views) < config.frames:
            refuse_held_out([seed], "--seed")
            progress.update(recorder.episode(seed))
            seed += 1
    config.out.parent.mkdir(parents=True, exist_ok=True)
    images = np.stack(recorder.views)
    keypoints = np.stack(recorder.labels)
    with replacing(config.out) as whole:
        np.savez(whole, images=images, keypoints=keypoints, names=np.array(recorder.names))
    print(f"{config.out}: {len(images)} frames of {images.shape[1]} views, {seed - config.seed} episodes")


def main() -> None:
    """Entry point of `render_scenes`."""
    run_command("render_scenes", render_scenes, ScenesConfig, about=__doc__, refused=(RigError, ValueError))


if __name__ == "__main__":
    main()
