"""The only package that commands the robot: chunk executor, inverse kinematics, limits, watchdog, authority."""
