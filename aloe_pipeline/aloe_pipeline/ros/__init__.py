"""The ROS side of aloe_pipeline: the only modules here that read bags or import rclpy."""
