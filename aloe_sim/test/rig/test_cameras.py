from pathlib import Path

import numpy as np

from aloe_data.rig_file import load_rig
from aloe_sim.rig.cameras import NOISE_STD, CameraRenderer, SensorNoise
from aloe_sim.rig.mjcf import PHYSICS_STEP_S
from aloe_sim.rig.sim_rig import SimRig

RIG = load_rig(Path(__file__).parents[3] / "config" / "rig_sim.yaml")
GREY = np.full((24, 32, 3), 128, np.uint8)


def test_a_still_scene_never_gives_the_same_picture_twice_but_the_same_ones_in_every_run() -> None:
    sim = SimRig(RIG)
    renderers = CameraRenderer(sim.model, RIG), CameraRenderer(sim.model, RIG)
    first = [renderer.render(sim.data, "head") for renderer in renderers]
    np.testing.assert_array_equal(first[0], first[1])
    sim.data.time += PHYSICS_STEP_S
    later = renderers[0].render(sim.data, "head")
    assert later.shape == first[0].shape and later.dtype == np.uint8
    assert (later != first[0]).mean() > 0.5
    for renderer in renderers:
        renderer.close()


def test_noise_has_its_size_no_bias_and_no_likeness_between_moments() -> None:
    noise = SensorNoise(GREY.size)
    pictures = np.array([noise.add(GREY, step * PHYSICS_STEP_S) for step in range(40)]).reshape(40, -1) - 128.0
    assert abs(pictures.std() - NOISE_STD) < 0.1
    assert abs(pictures.mean()) < 0.05
    likeness = np.corrcoef(pictures) - np.eye(40)
    assert np.abs(likeness).max() < 0.15


def test_black_and_white_stay_in_range() -> None:
    noise = SensorNoise(GREY.size)
    assert noise.add(np.zeros_like(GREY), 0.0).max() < 20
    assert noise.add(np.full_like(GREY, 255), 0.0).min() > 235
