"""The `ros2` command: stand-in for ros2cli and its verb packages."""
