"""Tests of the ROS side need ROS; without it they are not collected."""

from importlib.util import find_spec

from training_fixtures import policy, setting

__all__ = ["policy", "setting"]
HAVE_ROS = bool(find_spec("rclpy") and find_spec("aloe_msgs"))
collect_ignore_glob = [] if HAVE_ROS else ["test_*.py"]
