"""The ROS side of aloe_data: the only modules here that import rclpy or messages."""
