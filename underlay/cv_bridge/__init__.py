"""Stand-in for cv_bridge: images between sensor_msgs and numpy arrays as OpenCV uses them."""

from cv_bridge.core import CvBridge, CvBridgeError

__all__ = ["CvBridge", "CvBridgeError"]


def __getattr__(name: str) -> object:
    if name in {"cvtColorForDisplay", "getCvType"}:
        raise ImportError(
            f"cv_bridge.{name} is not in this stand-in; it needs the official package (apt install ros-jazzy-cv-bridge)"
        )
    raise AttributeError(f"module 'cv_bridge' has no attribute '{name}'")
