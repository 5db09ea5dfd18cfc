"""Import the packages before pytest meets their folders, which have the same names and would be taken for them.

Tests of real processes need the processors that the machine says it has. On a virtual machine its host may give them to
others for half a second, and cameras are silent or a tick is missed as if something had failed. Such a test runs again,
at most twice and only where it failed while the host took more than a twentieth of the machine's time.
"""

import contextlib
import importlib

import pytest

for package in ("aloe_data", "aloe_policy", "aloe_critic", "aloe_control", "aloe_teleop", "aloe_sim"):
    with contextlib.suppress(ImportError):
        importlib.import_module(package)

from aloe_data.doctor_machine import STOLEN_SHARE, ProcessorTimes  # noqa: E402 (after the packages)

with contextlib.suppress(ImportError):
    from hypothesis import settings

    settings.register_profile("suite", deadline=None)  # a busy machine is not a failure
    settings.load_profile("suite")


class Host:
    """What the host took of this machine's time since the last begin()."""

    def begin(self) -> None:
        """Count from here on."""
        self._began = ProcessorTimes.now()

    def took_much(self) -> bool:
        """Whether it was too much for what has to be on time."""
        return self._began.stolen_share(ProcessorTimes.now()) > STOLEN_SHARE


host = Host()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests of real processes may run again."""
    if config.pluginmanager.hasplugin("rerunfailures"):
        for item in items:
            if "ros" in item.path.parts:
                item.add_marker(pytest.mark.flaky(reruns=2, condition=host.took_much))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Every try counts for itself."""
    host.begin()
