"""Lets bags join a training while it runs."""

import time
from collections.abc import Callable
from pathlib import Path

from aloe_critic.ros.critic_data import Data, DataConfig, Readers, amounts, open_both, refuse_measured, replays
from aloe_critic.training import joined
from aloe_data.bag_folders import find_bags


class Watch:
    """Checks once in a while for bags whose recording has ended.

    Args:
        config: Configuration of the training, with bags and the time between two checks.
        readers: Policy, and encoder of the critic.
        seed: Seed of the choice of what measures.
        data: Data that the training began with.
        clock: Monotonic time in s.
    """

    def __init__(
        self,
        config: DataConfig,
        readers: Readers,
        seed: int,
        data: Data,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._config = config
        self._readers = readers
        self._seed = seed
        self._data = data
        self._clock = clock
        self._next_s = clock()
        self._known = dict[Path, int]()

    def check(self) -> Data | None:
        """All there is now, sampled as it went on before; None if it is not yet time or no episode has joined.

        Raises:
            ConfigError, RecordingError, StoreError, VerdictError: the folder became unusable.
        """
        if self._clock() < self._next_s or not self._changed():
            return None
        opened = open_both(self._config, self._readers, closed=True)
        refuse_measured(opened.store)
        before = self._data.split
        train = self._data.train
        there = (bag for bag, episode in opened.store.bags.items() if opened.has(episode))
        after = joined(before, there, self._config.held_out, self._seed)
        if after.all == before.all:
            return None
        self._data = replays(self._config, opened, train.reward, after, self._seed)
        self._data.train.restore(train.cursor())
        print(f"{len(after.all) - len(before.all)} episodes joined: {amounts(self._data)}")
        return self._data

    def _changed(self) -> bool:
        self._next_s = self._clock() + self._config.watch_s
        ends = {bag: bag / "metadata.yaml" for bag in find_bags(Path(self._config.bags))}
        before = self._known
        self._known = {bag: file.stat().st_mtime_ns for bag, file in ends.items() if file.exists()}
        return before != self._known
