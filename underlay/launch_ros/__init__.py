"""Stand-in for the ROS 2 package `launch_ros`: ROS nodes as launch actions."""

from launch.unsupported import missing_names

from . import actions, parameter_descriptions, substitutions

__getattr__ = missing_names(__name__, "launch_ros")
__all__ = ["actions", "parameter_descriptions", "substitutions"]
