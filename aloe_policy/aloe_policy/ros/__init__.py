"""The ROS side of aloe_policy: the only modules here that import rclpy or messages."""
