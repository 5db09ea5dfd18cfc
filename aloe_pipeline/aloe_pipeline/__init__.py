"""The loop on top of all packages: rounds of improvement, evaluation and promotion, node plans, the doctor."""

import aloe_policy as aloe_policy  # before torch: it says how torch's threads wait
