"""The tasks of the simulated rig: a folder for each, and the registry that names them all.

Nothing in here knows how the rig is made: tasks and experts see a `Simulation`.
"""

from aloe_sim.tasks.registry import TASKS, make_task

__all__ = ["TASKS", "make_task"]
