"""Keypoint labels say where the renderer really draws the cubes."""

from pathlib import Path

import numpy as np

from aloe_data.rig import load_rig
from aloe_sim.cameras import CameraRenderer
from aloe_sim.keypoints import KEYPOINTS, keypoint_labels
from aloe_sim.sim_rig import SimRig
from aloe_sim.tasks.sorting import COLOURS

RIG = load_rig(Path(__file__).parents[2] / "config" / "rig_sim.yaml")


def test_a_labelled_cube_has_its_colour_at_its_label() -> None:
    sim = SimRig(RIG)
    renderer = CameraRenderer(sim.model, RIG)
    seen = 0
    for seed in range(4):
        sim.reset(seed)
        labels = keypoint_labels(sim)
        for c, camera in enumerate(RIG.cameras):
            image = renderer.render(sim.data, camera.name)
            for k, name in enumerate(KEYPOINTS):
                u, v, visible = labels[c, k]
                if not visible:
                    continue
                seen += 1
                pixel = image[int(v * camera.height), int(u * camera.width)] / 255.0
                wanted = np.array(COLOURS[name.split()[0]][:3])
                cosine = pixel @ wanted / np.linalg.norm(pixel) / np.linalg.norm(wanted)
                assert cosine > 0.9, (seed, camera.name, name, pixel)
    renderer.close()
    assert seen >= 8
