"""Episodes in one process: the environment, the judge and the task monitor, experts and operators at work."""
