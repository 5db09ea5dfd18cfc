"""Off-screen rendering of the rig's cameras."""

import mujoco
import numpy as np

from aloe_data.rig import Rig


class CameraRenderer:
    """Renders the rig's cameras; to be made, used and closed in one thread (OpenGL contexts belong to threads).

    Args:
        model: the scene.
        rig: names and sizes of the cameras.
        shadows: prettier, and three times slower in software.
        size: width and height [px] for all cameras; default: each camera's own.
    """

    def __init__(
        self, model: mujoco.MjModel, rig: Rig, *, shadows: bool = False, size: tuple[int, int] | None = None
    ) -> None:
        self._sizes = {c.name: size or (c.width, c.height) for c in rig.cameras}
        self._renderers = {s: mujoco.Renderer(model, s[1], s[0]) for s in set(self._sizes.values())}
        self._shadows = shadows

    def render(self, data: mujoco.MjData, camera: str) -> np.ndarray:
        """One view, uint8 [h, w, 3] RGB."""
        renderer = self._renderers[self._sizes[camera]]
        renderer.update_scene(data, camera=camera)
        renderer.scene.flags[mujoco.mjtRndFlag.mjRND_SHADOW] = self._shadows
        renderer.scene.flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = False
        return renderer.render().copy()

    def close(self) -> None:
        """Free the OpenGL contexts."""
        for renderer in self._renderers.values():
            renderer.close()
