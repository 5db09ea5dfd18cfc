"""Runs a command that does not outlive who asked for it: `python -m aloe_pipeline.rounds.follow PID COMMAND...`.

PID is the process that asks, the parent of this one. When that is killed, everything in this process group gets what
Ctrl-C would send, so that bags are closed and states saved; also what the command itself has started, and would not
have told. What they print then goes nowhere, and stops nobody. When the command is killed, what it has started is ended
in the same way before anybody hears of it: no second robot program begins beside the first.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence

import psutil

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
NOT_FOUND = 127
LAST_WORDS_S = 2.0  # after a command has ended, for what is still to be printed
GRACE_S = {signal.SIGINT: 60.0, signal.SIGTERM: 5.0, signal.SIGKILL: 1.0}  # for what it left behind, to end


def follow(parent: int, command: Sequence[str]) -> int:
    """Execute a command to its end; its exit code, as a shell has it.

    Args:
        parent: of this process; without it nothing is begun.
        command: its words.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)  # they go to the whole group, and the command decides
    signal.signal(signal.SIGUSR1, lambda *_: os.killpg(0, signal.SIGINT))
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGUSR1)
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)  # what the command leaves behind becomes ours to wait for
    if os.getppid() != parent:
        return 128 + signal.SIGINT
    try:
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    except OSError as error:
        print(f"{command[0]}: {error.strerror}")
        return NOT_FOUND
    assert child.stdout is not None
    reader = threading.Thread(target=_hand_on, args=(child.stdout.fileno(),), daemon=True)
    reader.start()
    code = child.wait()
    _end_those_left()
    reader.join(LAST_WORDS_S)
    return code if code >= 0 else 128 - code


def _end_those_left() -> None:
    """End what the command has started and not waited for, gently first."""
    for number, grace_s in GRACE_S.items():
        left = psutil.Process().children()
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(number)
        psutil.wait_procs(left, grace_s)


def _hand_on(stream: int) -> None:
    """What the command prints, to whoever still listens."""
    while part := os.read(stream, 1 << 16):
        with contextlib.suppress(BrokenPipeError):
            os.write(sys.stdout.fileno(), part)


if __name__ == "__main__":
    sys.exit(follow(int(sys.argv[1]), sys.argv[2:]))
