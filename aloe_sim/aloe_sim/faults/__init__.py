"""Faults for simulated rigs: what there is, how each is carried out, and random trials under audit."""
