"""Phone assembly: a back cover onto its pegs, its ends pressed in order."""

from aloe_sim.tasks.entry import TaskEntry
from aloe_sim.tasks.phone_assembly.expert import PhoneAssemblyExpert
from aloe_sim.tasks.phone_assembly.task import PhoneAssembly
from aloe_sim.tasks.phone_assembly.troubles import assembly_troubles

ENTRY = TaskEntry({"phone_assembly": PhoneAssembly}, PhoneAssemblyExpert, assembly_troubles)
