"""A simulated bimanual rig with cameras, its tasks and their scripted experts."""

import os
import sys

if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
    os.environ.setdefault("MUJOCO_GL", "egl")  # read by MuJoCo when first imported: rendering without a screen
