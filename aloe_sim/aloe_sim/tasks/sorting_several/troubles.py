"""Troubles of sorting with hand-over: as of sorting, but cubes may lie further off, and in the hand of either arm."""

from aloe_sim.tasks.simulation import Simulation
from aloe_sim.tasks.sorting.task import SPAWN_X_M, SPAWN_Y_M
from aloe_sim.tasks.sorting.troubles import dropped, unsorted, wrong_bin
from aloe_sim.tasks.sorting_several.task import FAR_X_M, FAR_Y_M
from aloe_sim.tasks.troubles import Trouble

AREA_X_M = (SPAWN_X_M[0], FAR_X_M[1])  # where cubes may lie: where they start, and where they are handed over
AREA_Y_M = (-max(FAR_Y_M[1], SPAWN_Y_M[1]), max(FAR_Y_M[1], SPAWN_Y_M[1]))


def sorting_several_troubles(sim: Simulation) -> list[Trouble]:
    """What is wrong with the cubes that are not yet in their bins; the arm at the other bin may hold any of them."""
    found = (wrong_bin(sim, cube) or dropped(sim, cube, AREA_X_M, AREA_Y_M) for cube in unsorted(sim))
    return [trouble for trouble in found if trouble is not None]
