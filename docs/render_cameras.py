"""Makes docs/cameras.jpg, what the cameras see while the expert sorts: `./env python docs/render_cameras.py`."""

from pathlib import Path

import cv2
import numpy as np

from aloe_data.rig import load_rig
from aloe_sim.cameras import CameraRenderer
from aloe_sim.experts import make_expert
from aloe_sim.in_process import InProcessRig
from aloe_sim.sim_rig import SimRig

ROOT = Path(__file__).parents[1]
SEED, TICKS, EVERY = 7, 110, 25


def main() -> None:
    """Run a few seconds of an episode, then render all cameras."""
    rig = load_rig(ROOT / "config" / "rig_sim.yaml")
    process = InProcessRig(SimRig(rig))
    prompt = process.reset(SEED)
    expert = make_expert(process.sim)
    for tick in range(TICKS):
        if tick % EVERY == 0:
            process.offer(expert.chunk(50, executed=EVERY), "expert")
        process.tick()
    renderer = CameraRenderer(process.sim.model, rig, shadows=True)
    views = [renderer.render(process.sim.data, camera.name) for camera in rig.cameras]
    renderer.close()
    cv2.imwrite(str(ROOT / "docs" / "cameras.jpg"), cv2.cvtColor(np.hstack(views), cv2.COLOR_RGB2BGR))
    print(f"docs/cameras.jpg: {', '.join(camera.name for camera in rig.cameras)}; '{prompt}'")


if __name__ == "__main__":
    main()
