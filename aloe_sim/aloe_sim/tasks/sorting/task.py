"""Sorting: put each coloured cube into the bin on the side that the prompt names."""

from dataclasses import dataclass, replace

import mujoco
import numpy as np
from numpy.typing import NDArray

from aloe_sim.tasks.base import Keypoint, Task

COLOURS = {
    "red": (0.85, 0.12, 0.10, 1.0),
    "green": (0.10, 0.60, 0.20, 1.0),
    "yellow": (0.95, 0.78, 0.10, 1.0),
    "blue": (0.15, 0.30, 0.90, 1.0),
}
UNSEEN_COLOURS = {  # held out of training
    "purple": (0.50, 0.15, 0.60, 1.0),
    "orange": (0.95, 0.45, 0.05, 1.0),
    "white": (0.92, 0.92, 0.90, 1.0),
    "cyan": (0.10, 0.75, 0.80, 1.0),
}
CUBE_HALF_M = 0.018
SHAPES = {  # MuJoCo's type and its sizes, m; all are as wide as the cube where fingers close on them
    "cube": (mujoco.mjtGeom.mjGEOM_BOX, (CUBE_HALF_M, CUBE_HALF_M, CUBE_HALF_M)),
    "cylinder": (mujoco.mjtGeom.mjGEOM_CYLINDER, (CUBE_HALF_M, CUBE_HALF_M, 0.0)),
    "block": (mujoco.mjtGeom.mjGEOM_BOX, (0.026, CUBE_HALF_M, CUBE_HALF_M)),
}
UNSEEN_SHAPES = ("cylinder", "block")
BIN_HALF_M = 0.07
BINS_XY_M = {"left": np.array([0.36, 0.33]), "right": np.array([0.36, -0.33])}
SPAWN_X_M = (0.28, 0.44)
SPAWN_Y_M = (-0.16, 0.16)
MIN_DISTANCE_M = 0.10
MAX_YAW_RAD = 0.35
TEMPLATES = (
    "put {} in the {} bin and {} in the {} bin",
    "sort {} to the {} and {} to the {}",
    "place {} into the {} bin, then {} into the {} bin",
)


@dataclass(frozen=True)
class Assignment:
    """Where one cube (or thing of another shape) belongs."""

    body: str
    colour: str
    side: str  # "left" or "right"
    shape: str = "cube"

    @property
    def name(self) -> str:
        """What prompts call it."""
        return f"{self.colour} {self.shape}"

    @property
    def bin_xy(self) -> NDArray[np.float64]:
        """Centre of the bin [2], m."""
        return BINS_XY_M[self.side]

    @property
    def swapped(self) -> "Assignment":
        """The same cube in the wrong bin."""
        return replace(self, side="left" if self.side == "right" else "right")


class Sorting(Task):
    """Coloured cubes, two bins, and a prompt that says which goes where.

    Args:
        num_objects: Number of cubes on the table, 1 to 4.
    """

    name = "sorting"
    keypoint_names = tuple(f"{colour} cube" for colour in COLOURS)

    def __init__(self, num_objects: int = 2) -> None:
        if not 1 <= num_objects <= len(COLOURS):
            raise ValueError(f"sorting: num_objects is {num_objects}; it must be 1 to {len(COLOURS)}")
        self.num_objects = num_objects
        self.assignments: tuple[Assignment, ...] = ()

    def objects_xml(self) -> str:
        size = f"{CUBE_HALF_M} {CUBE_HALF_M} {CUBE_HALF_M}"
        cubes = "".join(
            f'<body name="cube{i}" pos="0.3 {0.1 * i} .02"><freejoint name="cube{i}"/>'
            f'<geom name="cube{i}" class="object" type="box" size="{size}" mass=".04"/></body>'
            for i in range(self.num_objects)
        )
        return cubes + _bin_xml("left", ".5 .25 .25 1") + _bin_xml("right", ".25 .3 .5 1")

    def reset(self, model: mujoco.MjModel, data: mujoco.MjData, rng: np.random.Generator) -> str:
        palette = UNSEEN_COLOURS if self.variation.unseen else COLOURS
        positions = self._scatter(rng)
        colours = rng.permutation(list(palette))[: self.num_objects]
        sides = rng.choice(["left", "right"], self.num_objects)
        shapes = rng.choice(UNSEEN_SHAPES, self.num_objects) if self.variation.unseen else ["cube"] * self.num_objects
        self.assignments = tuple(
            Assignment(f"cube{i}", str(c), str(s), str(shape))
            for i, (c, s, shape) in enumerate(zip(colours, sides, shapes, strict=True))
        )
        for assignment, xy in zip(self.assignments, positions, strict=True):
            yaw = rng.uniform(-MAX_YAW_RAD, MAX_YAW_RAD)
            joint = data.joint(assignment.body)
            joint.qpos[:] = [*xy, CUBE_HALF_M + 0.001, np.cos(yaw / 2), 0.0, 0.0, np.sin(yaw / 2)]
            model.geom(assignment.body).rgba = palette[assignment.colour]
            _give_shape(model, assignment)
        order = rng.permutation(self.num_objects)
        return _sentence([self.assignments[i] for i in order], rng)

    def _scatter(self, rng: np.random.Generator) -> list[NDArray[np.float64]]:
        """Random positions [num_objects][2] in m, far enough apart for an open gripper."""
        points: list[NDArray[np.float64]] = []
        while len(points) < self.num_objects:
            point = np.array([self._draw(rng, *SPAWN_X_M), self._draw(rng, *SPAWN_Y_M)])
            if all(np.linalg.norm(point - other) > MIN_DISTANCE_M for other in points):
                points.append(point)
            elif rng.random() < 0.02:  # the first points leave no room for the others: begin again
                points.clear()
        return points

    def set_prompt(self, prompt: str) -> None:
        """Take the sides from words ("... red cube ... left ...") instead of from the seed.

        Raises:
            ValueError: a cube of the scene is not named with a side.
        """
        words = prompt.lower().replace(",", " ").split()
        assignments = []
        for a in self.assignments:
            after = words[words.index(a.colour) :] if a.colour in words else []
            side = next((w for w in after if w in BINS_XY_M), None)
            if side is None:
                scene = ", ".join(x.name for x in self.assignments)
                raise ValueError(f"the prompt '{prompt}' names no side for the {a.name}; cubes here: {scene}")
            assignments.append(replace(a, side=side))
        self.assignments = tuple(assignments)

    def is_done(self, data: mujoco.MjData, assignment: Assignment) -> bool:
        """Whether the cube lies in its bin."""
        return in_bin(data.body(assignment.body).xpos, assignment)

    def success(self, data: mujoco.MjData) -> bool:
        return all(self.is_done(data, a) for a in self.assignments)

    def progress(self, data: mujoco.MjData) -> float:
        return sum(self.is_done(data, a) for a in self.assignments) / self.num_objects

    def failure(self, data: mujoco.MjData) -> str:
        for a in self.assignments:
            x, y, z = data.body(a.body).xpos
            if z < -0.05:
                return f"the {a.name} fell off the table"
            if in_bin(np.array([x, y, z]), a.swapped):
                return f"the {a.name} lies in the {a.swapped.side} bin; it belongs in the {a.side} one"
        return ""

    def keypoints(self) -> dict[str, Keypoint]:
        return {a.name: Keypoint(a.body) for a in self.assignments if a.name in self.keypoint_names}

    def privileged_state(self, data: mujoco.MjData) -> dict[str, NDArray[np.float64]]:
        state = {}
        for a in self.assignments:
            colour = [float(a.colour == name) for name in COLOURS]
            state[a.body] = np.array([*data.joint(a.body).qpos, *colour, float(a.side == "left")])
        return state


def in_bin(xyz: NDArray[np.float64], assignment: Assignment) -> bool:
    """Whether a position [3] in m is inside the assigned bin: on its floor or on another cube."""
    return bool(np.abs(xyz[:2] - assignment.bin_xy).max() < BIN_HALF_M and xyz[2] < 0.075)


def _bin_xml(side: str, rgba: str) -> str:
    x, y = BINS_XY_M[side]
    b = BIN_HALF_M
    wall = 0.004
    walls = (((b, 0), (wall, b)), ((-b, 0), (wall, b)), ((0, b), (b, wall)), ((0, -b), (b, wall)))
    parts = [f'<geom class="object" type="box" pos="0 0 .003" size="{b} {b} .003" rgba="{rgba}"/>']
    parts += [
        f'<geom class="object" type="box" pos="{px} {py} .02" size="{sx} {sy} .02" rgba="{rgba}"/>'
        for (px, py), (sx, sy) in walls
    ]
    return f'<body name="bin_{side}" pos="{x} {y} 0">{"".join(parts)}</body>'


def _give_shape(model: mujoco.MjModel, assignment: Assignment) -> None:
    geom = model.geom(assignment.body)
    kind, size = SHAPES[assignment.shape]
    if geom.type[0] == kind and np.array_equal(geom.size, size):
        return
    geom.type[:] = int(kind)
    geom.size[:] = size
    model.geom_rbound[geom.id] = np.linalg.norm(size)
    model.geom_aabb[geom.id, 3:] = [size[0], size[1], CUBE_HALF_M]


def _sentence(assignments: list[Assignment], rng: np.random.Generator) -> str:
    if len(assignments) == 2:
        a, b = assignments
        template = TEMPLATES[rng.integers(len(TEMPLATES))]
        return template.format(f"the {a.name}", a.side, f"the {b.name}", b.side)
    return ", ".join(f"put the {a.name} in the {a.side} bin" for a in assignments)
