"""Lets bags join a training while it runs."""

import time
from collections.abc import Callable
from pathlib import Path

from aloe_critic.ros.critic_data import Data, DataConfig, amounts, refuse_measured, replays
from aloe_critic.training import joined
from aloe_data.bag_folders import find_bags
from aloe_policy.ros.policy_store import open_store
from aloe_policy.tiny.policy import TinyPolicy


class Watch:
    """Looks once in a while for bags whose recording has ended.

    Args:
        config: of the training, with bags and the time between two looks.
        policy: whose features.
        seed: of the choice of what measures.
        data: what the training began with.
        clock: monotonic time [s].
    """

    def __init__(
        self,
        config: DataConfig,
        policy: TinyPolicy,
        seed: int,
        data: Data,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._config, self._policy, self._seed = config, policy, seed
        self._data, self._clock, self._next_s = data, clock, clock()
        self._seen = dict[Path, int]()

    def look(self) -> Data | None:
        """All there is now, sampled as it went on before; None if it is not yet time or no episode has joined.

        Raises:
            ConfigError, RecordingError, StoreError, VerdictError: the folder became unusable.
        """
        if self._clock() < self._next_s or not self._changed():
            return None
        store, features = open_store(self._config, self._policy, closed=True)
        refuse_measured(store)
        before, train = self._data.split, self._data.train
        there = (bag for bag, episode in store.bags.items() if features.has(episode))
        after = joined(before, there, self._config.held_out, self._seed)
        if after.all == before.all:
            return None
        self._data = replays(self._config, store, features, train.reward, after, self._seed)
        self._data.train.restore(train.cursor())
        print(f"{len(after.all) - len(before.all)} episodes joined: {amounts(self._data)}")
        return self._data

    def _changed(self) -> bool:
        self._next_s = self._clock() + self._config.watch_s
        ends = {bag: bag / "metadata.yaml" for bag in find_bags(Path(self._config.bags))}
        seen, self._seen = self._seen, {b: file.stat().st_mtime_ns for b, file in ends.items() if file.exists()}
        return seen != self._seen
