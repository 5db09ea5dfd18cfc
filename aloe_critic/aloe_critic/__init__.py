"""Critics: an ensemble that says which action chunk was good, its learner, and whether it can be trusted."""

import aloe_policy as aloe_policy  # before torch: it says how torch's threads wait
