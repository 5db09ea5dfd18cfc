"""Off-screen rendering of the rig's cameras."""

import os

import cv2
import mujoco
import numpy as np
from numpy.typing import NDArray

from aloe_data.rig import Rig
from aloe_sim.rig.mjcf import PHYSICS_STEP_S

NOISE_STD = 1.5  # grey levels: that of a small camera indoors
NOISE_PATTERNS = 65_521  # a prime: 131 s of physics steps pass before a pattern returns
SCATTER = 40_503  # so that the patterns of consecutive steps have nothing in common
CORES_FOR_OTHERS = 2  # that Mesa's software renderer leaves alone; sharing a view between threads costs more in all
os.environ.setdefault("LP_NUM_THREADS", str(max(0, (os.cpu_count() or 1) - CORES_FOR_OTHERS)))  # 0: none of its own


class CameraRenderer:
    """Renders the rig's cameras; to be made, used and closed in one thread (OpenGL contexts belong to threads).

    Args:
        model: MuJoCo's model of the scene.
        rig: Description of the rig, with names and sizes of its cameras.
        shadows: Whether shadows are drawn: prettier, and three times slower in software.
        size: Width and height [px] for all cameras; None: each camera's own.
    """

    def __init__(
        self, model: mujoco.MjModel, rig: Rig, *, shadows: bool = False, size: tuple[int, int] | None = None
    ) -> None:
        self._sizes = {c.name: size or (c.width, c.height) for c in rig.cameras}
        self._renderers = {s: mujoco.Renderer(model, s[1], s[0]) for s in set(self._sizes.values())}
        self._shadows = shadows
        self._noise = SensorNoise(max(3 * width * height for width, height in self._renderers))

    def render(self, data: mujoco.MjData, camera: str) -> NDArray[np.uint8]:
        """One view with the noise of a sensor, uint8 [h, w, 3] RGB."""
        renderer = self._renderers[self._sizes[camera]]
        renderer.update_scene(data, camera=camera)
        renderer.scene.flags[mujoco.mjtRndFlag.mjRND_SHADOW] = self._shadows
        renderer.scene.flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = False
        return self._noise.add(renderer.render(), data.time)

    def close(self) -> None:
        """Free the OpenGL contexts."""
        for renderer in self._renderers.values():
            renderer.close()


class SensorNoise:
    """Makes every picture of a still scene another one, as a real sensor does, and the same one in every run.

    A pattern is a window into one long row of random numbers; the scene's time says where it begins.

    Args:
        values: Number of values (pixels x channels) of the largest picture.
    """

    def __init__(self, values: int) -> None:
        noise = np.random.default_rng(0).normal(0.0, NOISE_STD, values + NOISE_PATTERNS).round().astype(np.int8)
        self._more = np.maximum(noise, 0).astype(np.uint8)
        self._less = np.maximum(-noise, 0).astype(np.uint8)

    def add(self, image: NDArray[np.uint8], time_s: float) -> NDArray[np.uint8]:
        """The picture [h, w, 3] with the noise of this moment, saturated."""
        start = round(time_s / PHYSICS_STEP_S) * SCATTER % NOISE_PATTERNS
        window = slice(start, start + image.size)
        brighter = cv2.add(image, self._more[window].reshape(image.shape))
        return np.asarray(cv2.subtract(brighter, self._less[window].reshape(image.shape)), dtype=np.uint8)
