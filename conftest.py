"""Import the packages before pytest meets their folders, which have the same names and would be taken for them."""

import contextlib
import importlib
import os
import signal
import tempfile
from pathlib import Path
from typing import Any

PACKAGES = ("aloe_data", "aloe_policy", "aloe_critic", "aloe_control", "aloe_teleop", "aloe_sim", "aloe_pipeline")
for package in PACKAGES:
    with contextlib.suppress(ImportError):
        importlib.import_module(package)

# In the background of a shell without job control SIGINT is ignored, also by all that tests start and interrupt.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

with contextlib.suppress(ImportError):
    from hypothesis import settings

    settings.register_profile("suite", deadline=None)  # a busy machine is not a failure
    settings.load_profile("suite")

# All nodes that tests make or start belong to one session, that of the process that runs the tests.
with contextlib.suppress(ImportError):
    from aloe_data.session import SESSION_FILE, begin_session

    session_folder = tempfile.TemporaryDirectory(prefix="aloe-tests-")
    os.environ[SESSION_FILE] = str(Path(session_folder.name) / "session.json")
    begin_session()


def pytest_addoption(parser: Any) -> None:
    """`./env pytest --long` runs 20,000 random sequences of the control loop, not a few hundred; half an hour more."""
    parser.addoption("--long", action="store_true", help="run 20,000 random sequences of the control loop, not 240")
