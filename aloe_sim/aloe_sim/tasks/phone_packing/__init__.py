"""Phone packing: a phone into its case, pressed home."""

from functools import partial

from aloe_sim.tasks.entry import TaskEntry
from aloe_sim.tasks.phone_packing.expert import PhonePackingExpert
from aloe_sim.tasks.phone_packing.task import PhonePacking
from aloe_sim.tasks.phone_packing.troubles import phone_troubles

TIGHT_M = 0.001  # clearance of the variant for experts, and for policies that see finer

ENTRY = TaskEntry(
    {"phone_packing": PhonePacking, "phone_packing_tight": partial(PhonePacking, TIGHT_M)},
    PhonePackingExpert,
    phone_troubles,
)
