"""Policies: a small flow-matching vision-language-action model, its training, and the node that runs it."""

import os

# How long torch's threads spin for one another before they sleep. By itself GNU OpenMP takes so long over it that two
# threads which share a core with anything else wait for each other's turns: beside another training a critic's step
# took 17 s, with this 0.7. It is read when torch is loaded, which must be later.
os.environ.setdefault("GOMP_SPINCOUNT", "15000")
