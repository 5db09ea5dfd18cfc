"""Makes the docs' pictures of what the cameras see while the experts work: `./env python docs/render_cameras.py`.

docs/cameras.jpg is one moment of sorting; docs/TASK.png is a strip, time to the right, one row per camera.
With `--mp4 FOLDER` a film of each task's episode is written there as well. `--task TASK` leaves out the others.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from aloe_data.rig_file import load_rig
from aloe_sim.rig.cameras import CameraRenderer
from aloe_sim.rollout.environment import EnvConfig, RolloutEnv
from aloe_sim.rollout.evaluation import expert_policy
from aloe_sim.tasks import TASKS

ROOT = Path(__file__).parents[1]
SEED, MOMENTS, STRIP_SIZE = 7, 5, (160, 120)
FILM_TICKS, FILM_HZ = 2, 25.0  # a picture every other tick

Picture = NDArray[np.uint8]


def episode(env: RolloutEnv, renderer: CameraRenderer) -> list[list[Picture]]:
    """All cameras' views [time][camera] of the expert's episode in scene `SEED`."""
    env.reset(seed=SEED)
    policy, frames, ended = expert_policy(env, SEED), [], False
    while not ended:
        frames.append([renderer.render(env.process.sim.data, camera.name) for camera in env.rig.cameras])
        _, _, terminated, truncated, _ = env.step(policy(env.observation))
        ended = terminated or truncated
    return frames


def write(path: Path, picture: Picture) -> None:
    """Write an RGB picture, and say so; a PNG gets a palette, which is a fifth of the size."""
    image = Image.fromarray(picture)
    (image.quantize(128) if path.suffix == ".png" else image).save(path)
    print(path)


def strip(frames: list[list[Picture]]) -> Picture:
    """A few moments side by side."""
    chosen = [frames[i] for i in np.linspace(0, len(frames) - 1, MOMENTS).round().astype(int)]
    columns = [np.vstack([cv2.resize(v, STRIP_SIZE, interpolation=cv2.INTER_AREA) for v in views]) for views in chosen]
    return np.hstack(columns)


def write_film(path: Path, frames: list[list[Picture]]) -> None:
    """Write all views, side by side, as MP4."""
    pictures = [np.hstack(views) for views in frames]
    height, width = pictures[0].shape[:2]
    film = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), FILM_HZ, (width, height))
    for picture in pictures:
        film.write(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    film.release()
    print(path)


def main() -> None:
    """Render the tasks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", choices=sorted(TASKS), help="only this one")
    parser.add_argument("--mp4", type=Path, metavar="FOLDER", help="for films")
    options = parser.parse_args()
    rig = load_rig(ROOT / "config" / "rig_sim.yaml")
    for task in [options.task] if options.task else ["sorting", "phone_packing", "laundry_folding", "phone_assembly"]:
        env = RolloutEnv(rig, EnvConfig(task=task, images=False, n_action_steps=FILM_TICKS))
        renderer = CameraRenderer(env.process.sim.model, rig, shadows=True)
        frames = episode(env, renderer)
        renderer.close()
        write(ROOT / "docs" / f"{task}.png", strip(frames))
        if task == "sorting":
            write(ROOT / "docs" / "cameras.jpg", np.hstack(frames[len(frames) // 3]))
        if options.mp4:
            options.mp4.mkdir(parents=True, exist_ok=True)
            write_film(options.mp4 / f"{task}.mp4", frames)


if __name__ == "__main__":
    main()
