"""Where the objects appear in the images: privileged labels for pretraining an image encoder in simulation."""

from collections.abc import Iterator

import mujoco
import numpy as np
from numpy.typing import NDArray

from aloe_sim.rig.sim_rig import SimRig
from aloe_sim.tasks.base import Keypoint

NEAR_M = 0.03  # of a keypoint: what is seen so near to it is it


def project(sim: SimRig, camera: str, point: NDArray[np.float64], aspect: float) -> tuple[float, float] | None:
    """Image coordinates (u right, v down) of a point [3] in m, each 0 to 1 inside the image; None behind the camera.

    Args:
        sim: Simulation of the scene.
        camera: Name of the camera.
        point: Position [3] in the rig's frame, m.
        aspect: Width of the image over its height.
    """
    view = sim.data.camera(camera)
    local = view.xmat.reshape(3, 3).T @ (point - view.xpos)  # x right, y up, looking along -z
    if local[2] > -1e-3:
        return None
    half = np.tan(np.radians(sim.model.camera(camera).fovy[0]) / 2)
    x, y = local[:2] / -local[2] / half
    return float((x / aspect + 1) / 2), float((1 - y) / 2)


def place(sim: SimRig, keypoint: Keypoint) -> NDArray[np.float64]:
    """Where a keypoint is now [3], m."""
    body = sim.data.body(keypoint.body)
    return np.asarray(body.xpos + body.xmat.reshape(3, 3) @ keypoint.place_m)


def is_visible(sim: SimRig, camera: str, keypoint: Keypoint) -> bool:
    """Whether nothing but its own body stands between the camera and a keypoint, and that not by much.

    A body of a cloth has no shape of its own: rays pass through cloth.
    """
    eye = sim.data.camera(camera).xpos
    target = place(sim, keypoint)
    geom = np.zeros(1, dtype=np.int32)
    own_body = int(sim.model.camera(camera).bodyid[0])  # the camera's housing does not hide what it sees
    reached = mujoco.mj_ray(sim.model, sim.data, eye, target - eye, None, 1, own_body, geom)
    body = sim.model.body(keypoint.body)
    if not body.geomnum[0]:
        return bool(geom[0] < 0 or reached > 1)
    hit = geom[0] >= 0 and int(sim.model.geom_bodyid[geom[0]]) == body.id
    return bool(hit and (1 - reached) * np.linalg.norm(target - eye) < NEAR_M)


def in_view(sim: SimRig) -> Iterator[tuple[int, int, tuple[float, float], bool]]:
    """Camera, keypoint (as in `keypoint_names`), image coordinates and visibility of all that lies in an image."""
    names = sim.task.keypoint_names
    for c, camera in enumerate(sim.rig.cameras):
        for name, keypoint in sim.task.keypoints().items():
            uv = project(sim, camera.name, place(sim, keypoint), camera.width / camera.height)
            if uv and min(uv) >= 0 and max(uv) < 1:
                yield c, names.index(name), uv, is_visible(sim, camera.name, keypoint)


def keypoint_labels(sim: SimRig, hidden: bool = True) -> NDArray[np.float32]:
    """float32 [cameras, keypoints, 3]: u, v, there (0 or 1), in the order of the task's `keypoint_names`.

    Args:
        sim: Simulation of the scene.
        hidden: Whether a keypoint that something hides is labelled as there: what shows of its object mostly tells
            where it is.

    Raises:
        ValueError: The task names no keypoints.
    """
    names = sim.task.keypoint_names
    if not names:
        raise ValueError(f"no keypoints are defined for the task '{sim.task.name}'")
    labels = np.zeros((len(sim.rig.cameras), len(names), 3), dtype=np.float32)
    for camera, keypoint, uv, visible in in_view(sim):
        if visible or hidden:
            labels[camera, keypoint] = (*uv, 1.0)
    return labels
