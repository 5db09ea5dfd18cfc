"""Colours, lights and surfaces of the scene: they vary from episode to episode where the task's `Variation` says so."""

import mujoco
import numpy as np
from numpy.typing import NDArray

from aloe_sim.tasks.variation import Variation

TABLE_TOPS = {  # name: MuJoCo's built-in pattern and its two colours
    "slate": ("checker", ".30 .31 .33", ".27 .28 .30"),
    "linen": ("checker", ".80 .77 .70", ".74 .71 .64"),
    "shade": ("gradient", ".58 .60 .62", ".40 .42 .45"),
    "oak": ("flat", ".60 .47 .33", ".60 .47 .33"),
}
UNSEEN_TABLE_TOPS = {
    "moss": ("checker", ".36 .44 .34", ".30 .38 .29"),
    "rose": ("gradient", ".66 .52 .52", ".48 .38 .40"),
}
_VARIED = ("geom_rgba", "geom_friction", "geom_matid", "light_diffuse", "light_dir", "cam_pos", "cam_quat")


def table_tops(variation: Variation) -> dict[str, tuple[str, str, str]]:
    """The table tops to choose from; none: the table stays as it is."""
    if not variation.textures:
        return {}
    return UNSEEN_TABLE_TOPS if variation.unseen else TABLE_TOPS


def table_tops_xml(variation: Variation) -> str:
    """MJCF assets of the table tops."""
    return "".join(
        f'<texture name="{name}" type="2d" builtin="{pattern}" rgb1="{first}" rgb2="{second}" width="64" height="64"/>'
        f'<material name="{name}" texture="{name}" texrepeat="6 6"/>'
        for name, (pattern, first, second) in table_tops(variation).items()
    )


class Scenery:
    """Changes a model's colours, lights, cameras and friction for an episode, always from the same starting point.

    Args:
        model: MuJoCo's model of the scene; it is changed in place, so that renderers see it.
        variation: How much changes.
    """

    def __init__(self, model: mujoco.MjModel, variation: Variation) -> None:
        self._model = model
        self._variation = variation
        self._nominal = {name: getattr(model, name).copy() for name in _VARIED}
        self._headlight = model.vis.headlight.diffuse.copy()
        self._tops = [model.material(name).id for name in table_tops(variation)]

    def restore(self) -> None:
        """As it was built; called before the task colours its objects."""
        for name, values in self._nominal.items():
            getattr(self._model, name)[:] = values

    def vary(self, rng: np.random.Generator) -> None:
        """Draw what changes in an episode; every figure is drawn even if unused, so that none moves another."""
        model = self._model
        v = self._variation
        model.geom_rgba[:, :3] = np.clip(model.geom_rgba[:, :3] + v.colours * _deviation(rng, model.ngeom, 3), 0, 1)
        model.geom_friction[:, 0] *= 1.0 + v.friction * _deviation(rng, model.ngeom)
        model.light_diffuse[:] *= 1.0 + v.lights * _deviation(rng, model.nlight, 1)
        model.light_dir[:] += v.lights * _deviation(rng, model.nlight, 3)
        model.vis.headlight.diffuse[:] = self._headlight * (1.0 + v.lights * _deviation(rng, 1))
        model.cam_pos[:] += v.camera_m * _deviation(rng, model.ncam, 3)
        for quaternion, turn in zip(model.cam_quat, v.camera_rad * _deviation(rng, model.ncam, 3), strict=True):
            mujoco.mju_quatIntegrate(quaternion, turn, 1.0)
        top = rng.random()
        if self._tops:
            model.geom_matid[model.geom("table").id] = self._tops[int(top * len(self._tops))]


def _deviation(rng: np.random.Generator, *shape: int) -> NDArray[np.float64]:
    """Random numbers between -1 and 1."""
    return rng.uniform(-1.0, 1.0, shape)
