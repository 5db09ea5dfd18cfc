"""The ROS side of aloe_critic: the only modules here that read bags or import rclpy."""
