"""Imports what the suite needs and prints a line per package: status, name, detail (separated by tabs)."""

import importlib
import os
import sys
from pathlib import Path

MODULES = [
    "rclpy",
    "launch",
    "launch_ros",
    "message_filters",
    "cv_bridge",
    "rosbag2_py",
    "numpy",
    "cv2",
    "mujoco",
    "mcap",
]


def report(status: str, name: str, detail: object) -> None:
    print(status, name, str(detail).replace("\n", " "), sep="\t")


def main(torch_build: str) -> None:
    """Check each module, the workspace's interfaces, and that PyTorch is of the asked build."""
    root = Path(os.environ["ALOE_ENV"])
    sys.path = [path for path in sys.path if Path(path or ".").resolve() not in (root, root / "underlay" / "setup")]
    for name in [*MODULES, *(["aloe_msgs.msg"] if (root / "aloe_msgs").is_dir() else [])]:
        try:
            module = importlib.import_module(name)
            stand_in = str(root / "underlay") in (module.__file__ or "")
            report("ok", name, "stand-in" if stand_in else getattr(module, "__version__", module.__file__))
        except Exception as error:  # anything may go wrong in a broken environment
            report("bad", name, f"{type(error).__name__}: {error}")
    try:
        import torch

        found = "cuda" if torch.version.cuda else "cpu"
        report("ok" if found == torch_build else "bad", "torch", f"{torch.__version__}, asked for: {torch_build}")
    except Exception as error:
        report("bad", "torch", f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    main(sys.argv[1])
