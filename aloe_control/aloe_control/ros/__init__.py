"""The ROS side of aloe_control: the only modules here that import rclpy or messages."""
