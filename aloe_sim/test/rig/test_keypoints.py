"""Keypoint labels say where the renderer really draws the cubes."""

from pathlib import Path

import numpy as np
import pytest

from aloe_data.rig_file import load_rig
from aloe_sim.rig.cameras import CameraRenderer
from aloe_sim.rig.keypoints import in_view, keypoint_labels, place, project
from aloe_sim.rig.sim_rig import SimRig
from aloe_sim.tasks import make_task
from aloe_sim.tasks.phone_packing.task import PhonePacking
from aloe_sim.tasks.sorting.task import COLOURS

RIG = load_rig(Path(__file__).parents[3] / "config" / "rig_sim.yaml")


def test_a_labelled_cube_has_its_colour_at_its_label() -> None:
    sim = SimRig(RIG)
    renderer = CameraRenderer(sim.model, RIG)
    seen = 0
    for seed in range(4):
        sim.reset(seed)
        labels = keypoint_labels(sim, hidden=False)
        for c, camera in enumerate(RIG.cameras):
            image = renderer.render(sim.data, camera.name)
            for k, name in enumerate(sim.task.keypoint_names):
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


@pytest.mark.parametrize("task", ["phone_packing", "phone_assembly", "laundry_folding"])
def test_points_of_objects_are_labelled_where_they_project_and_where_nothing_hides_them(task: str) -> None:
    sim, aspect = SimRig(RIG, make_task(task)), 4 / 3
    sim.reset(0)
    labels = keypoint_labels(sim, hidden=False)
    head = [camera.name for camera in RIG.cameras].index("head")
    visible = labels[head, :, 2] == 1
    assert visible.sum() >= len(visible) - 1, "an arm may hide one"
    for name, keypoint in sim.task.keypoints().items():
        k = sim.task.keypoint_names.index(name)
        assert not visible[k] or np.allclose(labels[head, k, :2], project(sim, "head", place(sim, keypoint), aspect))
    assert tuple(sim.task.keypoints()) == sim.task.keypoint_names
    assert np.linalg.norm(labels[head, 2, :2] - labels[head, 3, :2]) > 0.05, "ends of one thing are apart"


def test_a_keypoint_that_something_hides_is_labelled_where_it_is_unless_only_visible_ones_are_asked_for() -> None:
    sim = SimRig(RIG, PhonePacking())
    sim.reset(0)
    seen, all_of_them = keypoint_labels(sim, hidden=False), keypoint_labels(sim)
    assert (all_of_them[seen[..., 2] == 1] == seen[seen[..., 2] == 1]).all()
    hidden = [(c, k) for c, k, _, visible in in_view(sim) if not visible]
    assert hidden, "the arms hide something in this scene"
    for c, k, uv, visible in in_view(sim):
        assert visible or (seen[c, k, 2] == 0 and np.allclose(all_of_them[c, k], (*uv, 1)))


class Nameless(PhonePacking):
    keypoint_names = ()


def test_a_task_without_keypoints_says_so() -> None:
    sim = SimRig(RIG, Nameless())
    with pytest.raises(ValueError, match="no keypoints are defined for the task 'phone_packing'"):
        keypoint_labels(sim)
