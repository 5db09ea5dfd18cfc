"""What `verify` asks of a bag, one question per module: each has a `check` that adds to the `Findings`."""
