"""Where keypoints are in space: what several views with known mounts say together.

A network that is shown places in images has to learn the geometry of the cameras from demonstrations. Where the mounts
are known (`Rig.mounts`) nothing of that is left to learn: it is told how far each keypoint is from each tool.
"""

import numpy as np
from numpy.typing import NDArray

from aloe_data.kinematics import ArmKinematics
from aloe_data.rig import Rig

Array = NDArray[np.float64]
LEAST_PRESENCE = 0.1  # a view that is less sure says nothing
# where things are along a ray that no other one crosses; share of all weight
TABLE_Z_M = 0.02
TABLE_WEIGHT = 1e-4
SCALE_M = 0.1  # displacements are told in this unit
NOTHING = 1e-12  # keeps what no view sees solvable
PASSES = 3  # the first weighs all views alike, further ones by how precise they are there


class Triangulation:
    """Keypoints of one rig's views in space.

    Args:
        rig: with the mounts of all its cameras.

    Raises:
        ValueError: a camera whose mount is not known.
    """

    def __init__(self, rig: Rig) -> None:
        if missing := [camera.name for camera in rig.cameras if camera.name not in rig.mounts]:
            raise ValueError(f"rig '{rig.name}': where camera '{missing[0]}' is mounted is not known")
        self._rig = rig
        self._arms = {arm.name: ArmKinematics(arm) for arm in rig.arms}
        mounts = [rig.mounts[camera.name] for camera in rig.cameras]
        self._parents = [str(mount["parent"]) for mount in mounts]
        poses = [(np.array(m["xyz"], float), _axes(np.array(m["xy_axes"], float))) for m in mounts]
        self._poses_in_parent = [self._from_tool(p, *pose) for p, pose in zip(self._parents, poses, strict=True)]
        tall = np.array([np.tan(np.radians(mount["fovy_deg"]) / 2) for mount in mounts])
        aspect = np.array([camera.width / camera.height for camera in rig.cameras])
        self._half = np.stack([tall * aspect, tall], axis=-1)  # [C, 2], half of the image at a distance of 1

    def views(self, tokens: NDArray[np.float32], joints: NDArray[np.float32]) -> NDArray[np.float32]:
        """Tokens [..., C, K, 3], followed by one view for each of the A arms: [..., C + A, K, 3].

        There every keypoint is told as its displacement from the arm's tool, in the rig's axes and in units of
        SCALE_M; zero for what no camera sees.

        Args:
            tokens: u, v and presence, see `ImageEncoder`.
            joints: measured positions of all arms [..., S].
        """
        poses = self._poses(joints)
        places, seen = self._places(np.asarray(tokens, np.float64), poses)
        away = [(places - xyz[..., None, :]) / SCALE_M * seen[..., None] for xyz, _ in poses]
        return np.concatenate([tokens, np.stack(away, axis=-3)], axis=-3).astype(np.float32)

    def places(self, tokens: NDArray[np.float32], joints: NDArray[np.float32]) -> tuple[Array, NDArray[np.bool_]]:
        """Where the keypoints are in the rig's frame [..., K, 3] in m, and which of them any view is sure of [..., K].

        The point that is nearest to the rays of all views, each weighed by its presence and, from the second pass on,
        by how far away the point is, and how little the view agrees with the others.
        """
        poses = self._poses(joints)
        return self._places(np.asarray(tokens, np.float64), poses)

    def _from_tool(self, parent: str, xyz: Array, turn: Array) -> tuple[Array, Array]:
        """Where a camera is as seen from the tool, of a mount on an arm's last link; in the world as it is."""
        if parent == "world":
            return xyz, turn
        tool_xyz, tool_turn = self._arms[parent].tool_in_last_link
        return tool_turn.T @ (xyz - tool_xyz), tool_turn.T @ turn

    def _poses(self, joints: NDArray[np.float32]) -> list[tuple[Array, Array]]:
        """Place and rotation of every arm's tool."""
        slices = [(arm.name, self._rig.state_slice(arm.name)) for arm in self._rig.arms]
        return [self._arms[name].forward(joints[..., values][..., :-1]) for name, values in slices]

    def _places(self, tokens: Array, poses: list[tuple[Array, Array]]) -> tuple[Array, NDArray[np.bool_]]:
        presence = np.moveaxis(tokens[..., 2], -2, -1)  # [..., K, C]
        trust = np.where(presence < LEAST_PRESENCE, 0.0, presence) ** 2
        origins, rays = self._rays(tokens, poses)
        across = np.eye(3) - rays[..., :, None] * rays[..., None, :]  # what a view tells: all but the depth
        table = np.diag([0.0, 0.0, 1.0])
        weight = trust
        for _ in range(PASSES):
            told = weight[..., None, None] * across
            prior = TABLE_WEIGHT * weight.sum(-1)[..., None] + NOTHING
            total = told.sum(-3) + prior[..., None] * table + NOTHING * np.eye(3)
            wanted = (told @ origins[..., None])[..., 0].sum(-2) + prior * TABLE_Z_M * table[2]
            place = np.linalg.solve(total, wanted[..., None])[..., 0]
            offset = place[..., None, :] - origins
            depth = np.linalg.norm(offset, axis=-1)
            miss = np.linalg.norm((across @ offset[..., None])[..., 0], axis=-1)
            pixel = np.maximum(depth, 0.05) * self._half[:, 1] / 100
            weight = trust / (1 + (miss / (3 * pixel)) ** 2) * (0.003 / pixel) ** 2
        return place, np.asarray(trust.any(-1))

    def _rays(self, tokens: Array, poses: list[tuple[Array, Array]]) -> tuple[Array, Array]:
        """Where the views look from and along which unit vectors they see the keypoints, [..., K, C, 3] each."""
        names = [arm.name for arm in self._rig.arms]
        origins = []
        rays = []
        for c, parent in enumerate(self._parents):
            uv = tokens[..., c, :, :2] / np.maximum(tokens[..., c, :, 2:], LEAST_PRESENCE) * self._half[c]
            ray = np.stack([uv[..., 0], -uv[..., 1], -np.ones(uv.shape[:-1])], axis=-1)  # x right, y up, along -z
            offset, turn = self._poses_in_parent[c]
            if parent != "world":
                tool_xyz, tool_turn = poses[names.index(parent)]
                offset = tool_xyz + (tool_turn @ offset[:, None])[..., 0]
                turn = tool_turn @ turn
            ray = ray @ np.swapaxes(turn, -1, -2)
            rays.append(ray / np.linalg.norm(ray, axis=-1, keepdims=True))
            origins.append(np.broadcast_to(offset[..., None, :], ray.shape))
        return np.stack(origins, axis=-2), np.stack(rays, axis=-2)


def _axes(xy: Array) -> Array:
    """Rotation matrix [3, 3] whose columns are x, y (made orthogonal to x) and their cross product."""
    x = xy[:3] / np.linalg.norm(xy[:3])
    y = xy[3:] - x * (x @ xy[3:])
    y = y / np.linalg.norm(y)
    return np.stack([x, y, np.cross(x, y)], axis=-1)
