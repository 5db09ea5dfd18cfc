"""Rounds of improvement: collect, learn, deploy; planned here, executed stage by stage, restartable anywhere."""
