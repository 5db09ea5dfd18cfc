"""The node; the only place of this package that knows ROS."""
