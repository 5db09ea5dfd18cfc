"""These tests need ROS; without it they are not collected."""

from importlib.util import find_spec

collect_ignore_glob = [] if find_spec("rclpy") and find_spec("aloe_msgs") else ["test_*.py"]
