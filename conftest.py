"""Import the packages before pytest meets their folders, which have the same names and would be taken for them.

Tests of real processes need the processors that the machine says it has. On a virtual machine its host may give them to
others for half a second, and cameras are silent or a tick is missed as if something had failed. Such a test runs again,
at most twice and only where it failed while the host took more than a twentieth of the machine's time.
"""

import contextlib
import importlib
from pathlib import Path

import pytest

STOLEN = 0.05

for package in ("aloe_data", "aloe_policy", "aloe_critic", "aloe_control", "aloe_teleop", "aloe_sim"):
    with contextlib.suppress(ImportError):
        importlib.import_module(package)

with contextlib.suppress(ImportError):
    from hypothesis import settings

    settings.register_profile("suite", deadline=None)  # a busy machine is not a failure
    settings.load_profile("suite")


class Theft:
    """What the host took of this machine's time since the last begin(). Source: proc_stat(5), "steal"."""

    def __init__(self) -> None:
        self._begin = self._times()

    def begin(self) -> None:
        """Count from here on."""
        self._begin = self._times()

    def is_much(self) -> bool:
        """Whether it was too much for what has to be on time."""
        stolen, total = (now - then for now, then in zip(self._times(), self._begin, strict=True))
        return stolen > STOLEN * max(total, 1)

    def _times(self) -> tuple[int, int]:
        """Stolen and all time of all processors [ticks of the kernel]."""
        try:
            fields = [int(word) for word in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
        except (OSError, ValueError):
            return 0, 0
        return fields[7], sum(fields)


theft = Theft()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests of real processes may run again."""
    if config.pluginmanager.hasplugin("rerunfailures"):
        for item in items:
            if "ros" in item.path.parts:
                item.add_marker(pytest.mark.flaky(reruns=2, condition=theft.is_much))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Every try counts for itself."""
    theft.begin()
