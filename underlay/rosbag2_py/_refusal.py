"""How this stand-in says that it does not do something."""


def refuse(what: str) -> NotImplementedError:
    """The error for a feature that only the official package has."""
    return NotImplementedError(
        f"{what} is not in this stand-in for rosbag2_py; it needs the official package"
        " (apt install ros-jazzy-rosbag2-py)"
    )
