"""What an attentive operator would step in for, as the tasks tell it."""

from dataclasses import dataclass

from aloe_sim.tasks.simulation import Simulation

LEVEL = 0.999  # cosine of the tilt of what lies flat
STILL = 0.03  # m/s and rad/s; what moves more is still on its way


@dataclass(frozen=True)
class Trouble:
    """Something to step in for.

    Attributes:
        text: The trouble in words.
        arm: Name of an arm that has to do with it, beside those that mend it; "" for none.
    """

    text: str
    arm: str = ""


def no_troubles(sim: Simulation) -> list[Trouble]:
    """For tasks of which nothing is known but what holds for every task."""
    return []
