"""Processes end with the launch that started them, however that ended."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from aloe_data import launch_bond
from aloe_data.launch_bond import LAUNCH_PID, bond, end_with_launch

# A launch that starts a node, says that node's process id once the node stands ready, and waits.
LAUNCH = """
import subprocess, sys
from aloe_data.launch_bond import bond
import os
node = subprocess.Popen([sys.executable, "-c", sys.argv[1]], env=os.environ | bond(), stdout=subprocess.PIPE, text=True)
print(node.pid, node.stdout.readline(), flush=True)
node.wait()
"""
NODE = """
import signal, sys
from pathlib import Path
from aloe_data import launch_bond
{without_pidfd}
signal.signal(signal.SIGINT, lambda *_: (Path({proof!r}).write_text("ended in order"), sys.exit()))
launch_bond.end_with_launch()
print("ready", flush=True)
signal.pause()
"""
WITHOUT_PIDFD = """
import errno, os
def refuse(process): raise OSError(errno.ENOSYS, "no pidfd here")
os.pidfd_open = refuse
"""


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[Callable[[str], Any]]:
    started = []

    def start(without_pidfd: str) -> tuple[subprocess.Popen[str], int]:
        node = NODE.format(proof=str(tmp_path / "proof"), without_pidfd=without_pidfd)
        process = subprocess.Popen([sys.executable, "-c", LAUNCH, node], stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout is not None
        return process, int(process.stdout.readline().split()[0])

    yield start
    for process in started:
        process.kill()
        process.wait()


def wait_for_end(process: int) -> None:
    """Wait until a process that is not our child has ended; the test's own time limit bounds it."""
    launch_bond._wait_for_end(process)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
@pytest.mark.parametrize("without_pidfd", ["", WITHOUT_PIDFD])
def test_a_node_ends_in_order_when_its_launch_is_killed(
    launch: Callable[[str], Any], tmp_path: Path, number: signal.Signals, without_pidfd: str
) -> None:
    process, node = launch(without_pidfd)
    process.send_signal(number)
    process.wait(timeout=20)
    wait_for_end(node)
    assert (tmp_path / "proof").read_text() == "ended in order"


def test_a_node_whose_launch_was_gone_before_it_looked_ends_as_well() -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    code = "from aloe_data.launch_bond import end_with_launch; end_with_launch(); import signal; signal.pause()"
    environment = os.environ | {LAUNCH_PID: str(gone.pid)}
    node = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        timeout=30,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert node.returncode == -signal.SIGINT
    assert f"process {gone.pid}) is gone" in node.stderr


def test_a_node_that_ignores_interrupts_ends_as_well() -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    code = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN);"
    code += "from aloe_data.launch_bond import end_with_launch; end_with_launch(); signal.pause()"
    node = subprocess.run([sys.executable, "-c", code], env=os.environ | {LAUNCH_PID: str(gone.pid)}, timeout=30)
    assert node.returncode == -signal.SIGTERM


def test_a_node_that_was_started_by_hand_is_bonded_to_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(LAUNCH_PID, raising=False)
    monkeypatch.setattr(launch_bond.threading, "Thread", pytest.fail)
    end_with_launch()


def test_a_bond_names_the_process_that_makes_it() -> None:
    assert bond() == {LAUNCH_PID: str(os.getpid())}


def test_a_bond_that_is_no_process_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LAUNCH_PID, "mine")
    with pytest.raises(ValueError, match="is no process id; unset it"):
        end_with_launch()
