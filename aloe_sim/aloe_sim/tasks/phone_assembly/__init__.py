"""Phone assembly: a back cover onto its pegs, its ends pressed in order."""
