"""Pictures of the scene with keypoint labels, to pretrain an image encoder: `ros2 run aloe_sim render_scenes`.

The labels are privileged: only a simulator knows them. The expert moves the arms, under actuator noise, so that views
show what a policy will meet: arms in the way, cubes in hand, in the bin and beside it.
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from aloe_data.config import ConfigError, add_arguments, from_arguments, parameter
from aloe_data.durable import replacing
from aloe_data.rig import Rig, RigError
from aloe_data.rig_file import load_rig
from aloe_data.seeds import refuse_held_out
from aloe_sim.rig.cameras import CameraRenderer
from aloe_sim.rig.keypoints import keypoint_labels
from aloe_sim.rig.sim_rig import ActuatorNoise, SimRig
from aloe_sim.rollout.in_process import InProcessRig
from aloe_sim.tasks import make_task
from aloe_sim.tasks.expert_base import CannotHelpError, Expert
from aloe_sim.tasks.registry import make_expert
from aloe_sim.tasks.variation import VARIATIONS

NOISE_RAD = (0.0, 0.015, 0.03)
MAX_TICKS = 1000


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
    variation: str = parameter("none", choices=tuple(VARIATIONS), doc="of the scenes; training: of all looks, too")
    hidden: bool = parameter(True, doc="keypoints that something hides are labelled, too")


class SceneRecorder:
    """Rolls episodes and keeps views and labels."""

    def __init__(self, rig: Rig, config: ScenesConfig) -> None:
        self._config, self._rig = config, rig
        task = make_task(config.task) if config.task else None
        self._process = InProcessRig(SimRig(rig, task, variation=VARIATIONS[config.variation]))
        self.names = self._process.sim.task.keypoint_names
        keypoint_labels(self._process.sim)  # refuses a task without any before an hour is spent
        self._renderer = CameraRenderer(self._process.sim.model, rig)
        self.views: list[NDArray[np.uint8]] = []
        self.labels: list[NDArray[np.float32]] = []

    def episode(self, seed: int) -> int:
        """One episode of the expert; returns how many moments it gave."""
        sim, rng, before = self._process.sim, np.random.default_rng(seed), len(self.views)
        sim.noise = ActuatorNoise(float(rng.choice(NOISE_RAD)))
        self._process.reset(seed)
        expert = make_expert(sim)
        for tick in range(MAX_TICKS):
            if tick % self._config.stride == 0:
                self._keep()
            if tick % 25 == 0 and not self._goes_on(expert):
                break
            self._process.tick()
            if sim.task.success(sim.data) or sim.task.failure(sim.data):
                break
        return len(self.views) - before

    def _goes_on(self, expert: Expert) -> bool:
        try:
            self._process.offer(expert.chunk(50, executed=25), "expert")
        except CannotHelpError:
            return False  # what got the scene there is worth seeing, too
        return True

    def _keep(self) -> None:
        size, sim = (self._config.width, self._config.height), self._process.sim
        views = [self._renderer.render(sim.data, camera.name) for camera in self._rig.cameras]
        self.views.append(np.stack([cv2.resize(v, size, interpolation=cv2.INTER_AREA) for v in views]))
        self.labels.append(keypoint_labels(sim, self._config.hidden))


def main() -> None:
    """Entry point of `render_scenes`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser, ScenesConfig)
    try:
        config = from_arguments(ScenesConfig, parser.parse_args())
        recorder = SceneRecorder(load_rig(config.rig), config)
    except (ConfigError, RigError, ValueError) as error:
        sys.exit(f"render_scenes: {error}")
    seed = config.seed
    with tqdm(total=config.frames, unit="frame") as progress:
        while len(recorder.views) < config.frames:
            refuse_held_out([seed], "--seed")
            progress.update(recorder.episode(seed))
            seed += 1
    config.out.parent.mkdir(parents=True, exist_ok=True)
    images, keypoints = np.stack(recorder.views), np.stack(recorder.labels)
    with replacing(config.out) as whole:
        np.savez(whole, images=images, keypoints=keypoints, names=np.array(recorder.names))
    print(f"{config.out}: {len(images)} frames of {images.shape[1]} views, {seed - config.seed} episodes")


if __name__ == "__main__":
    main()
