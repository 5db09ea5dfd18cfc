"""Critics: an ensemble that says which action chunk was good, its learner, and whether it can be trusted."""
