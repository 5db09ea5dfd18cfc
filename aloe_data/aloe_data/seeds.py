"""Scene seeds that are kept for measuring: nothing may be trained on them."""

from collections.abc import Iterable

from aloe_data.config import ConfigError

HELD_OUT = range(900_000, 1_000_000)


def refuse_held_out(seeds: Iterable[int], source: str) -> None:
    """Check the seeds of data for training.

    Args:
        seeds: Seeds of scenes.
        source: Name of what they come from, for the message.

    Raises:
        ConfigError: one of them is held out.
    """
    bad = next((seed for seed in seeds if seed in HELD_OUT), None)
    if bad is not None:
        span = f"{HELD_OUT.start} to {HELD_OUT.stop - 1}"
        raise ConfigError(f"{source}: scene seed {bad} is held out of training, like all from {span}; choose others")
