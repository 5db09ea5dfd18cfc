"""Human devices: what a person holds, presses or turns, as requests, verdicts and commands."""
