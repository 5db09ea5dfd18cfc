"""Laundry folding: a towel in half."""

from aloe_sim.tasks.entry import TaskEntry
from aloe_sim.tasks.laundry_folding.expert import LaundryFoldingExpert
from aloe_sim.tasks.laundry_folding.task import LaundryFolding
from aloe_sim.tasks.troubles import no_troubles

ENTRY = TaskEntry({"laundry_folding": LaundryFolding}, LaundryFoldingExpert, no_troubles)
