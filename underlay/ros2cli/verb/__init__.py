"""The verbs of `ros2`, one module each: a docstring, `add_arguments(parser)` and `main(args) -> int | None`."""
