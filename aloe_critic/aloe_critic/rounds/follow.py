"""Runs a command that does not outlive who asked for it: `python -m aloe_critic.rounds.follow PID COMMAND...`.

PID is the process that asks, the parent of this one. When that is killed, everything in this process group gets what
Ctrl-C would send, so that bags are closed and states saved; also what the command itself has started, and would not
have told.
"""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Sequence

_PR_SET_PDEATHSIG = 1
NOT_FOUND = 127


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
    if os.getppid() != parent:
        return 128 + signal.SIGINT
    try:
        code = subprocess.Popen(command).wait()
    except OSError as error:
        print(f"{command[0]}: {error.strerror}")
        return NOT_FOUND
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(follow(int(sys.argv[1]), sys.argv[2:]))
