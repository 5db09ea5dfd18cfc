"""Pieces that several tasks share: boxes in MJCF, poses of bodies, and words in prompts."""

from collections.abc import Iterable, Sequence

import mujoco
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def box_xml(xyz: Sequence[float], half: Sequence[float], rgba: str, extra: str = "") -> str:
    """A box geom of class "object": centre and half sizes in m."""
    pos, size = (" ".join(f"{v:.6g}" for v in values) for values in (xyz, half))
    return f'<geom class="object" type="box" pos="{pos}" size="{size}" rgba="{rgba}" {extra}/>'


def plunger_xml(name: str, xyz: Sequence[float], half: Sequence[float], travel_m: float, force_n: float) -> str:
    """A sprung pad that gives way downwards.

    Args:
        name: Name of its joint and of its body.
        xyz: Centre [3] of the relaxed pad, m.
        half: Half sizes [3], m.
        travel_m: How far it gives way.
        force_n: Force of the spring when it is pressed home; a quarter of it when relaxed.
    """
    stiffness = 0.75 * force_n / travel_m
    joint = (
        f'<joint name="{name}" type="slide" axis="0 0 1" range="{-travel_m} 0" stiffness="{stiffness}" '
        f'springref="{0.25 * force_n / stiffness}" damping="6" armature=".02"/>'
    )
    pad = box_xml((0, 0, 0), half, ".6 .6 .62 1", 'mass=".004"')
    return f'<body name="{name}" pos="{xyz[0]:.6g} {xyz[1]:.6g} {xyz[2]:.6g}">{joint}{pad}</body>'


def place_flat(data: mujoco.MjData, joint: str, xyz: Sequence[float], yaw: float) -> None:
    """Put a free body at [3] m, lying flat, turned by `yaw` rad."""
    data.joint(joint).qpos[:] = [*xyz, np.cos(yaw / 2), 0.0, 0.0, np.sin(yaw / 2)]


def relative_pose(data: mujoco.MjData, body: int, frame: int) -> tuple[Array, Array]:
    """Position [3] in m and rotation [3, 3] of a body in the frame of another, both by id."""
    rotation = data.xmat[frame].reshape(3, 3).T
    return rotation @ (data.xpos[body] - data.xpos[frame]), rotation @ data.xmat[body].reshape(3, 3)


def yaw_angle(rotation: Array) -> float:
    """Turn about z of a body that lies flat, rad."""
    return float(np.arctan2(rotation[1, 0], rotation[0, 0]))


def turned(vector: Sequence[float] | Array, yaw: float) -> Array:
    """A vector's x and y [2] after a turn by `yaw` rad about z."""
    c = np.cos(yaw)
    s = np.sin(yaw)
    return np.array([c * vector[0] - s * vector[1], s * vector[0] + c * vector[1]])


def require_words(prompt: str, words: Iterable[str], scene: str) -> None:
    """Raises ValueError unless the prompt holds all `words`; `scene` says what there is."""
    if not set(words) <= set(words_of(prompt)):
        raise ValueError(f"the prompt '{prompt}' does not name what is here: {scene}")


def words_of(prompt: str) -> list[str]:
    """The words of a prompt, in lower case, without punctuation."""
    return "".join(c if c.isalnum() else " " for c in prompt.lower()).split()
