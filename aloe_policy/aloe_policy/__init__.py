"""Policies: a small flow-matching vision-language-action model, its training, and the node that runs it."""
