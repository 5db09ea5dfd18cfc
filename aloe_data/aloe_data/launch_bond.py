"""A bond between a launch and what it started: when the launch is gone, however it ended, its processes end as well.

`ros2 launch` ends in order on SIGINT alone. On SIGTERM, which `docker stop` and systemd send by default, it dies at
once and leaves its nodes running, an armed control_node among them. A process that cannot be left to itself calls
`end_with_launch` first of all; it then gets the SIGINT that the launch could not send (SIGTERM where it ignores that).
"""

import contextlib
import os
import select
import signal
import sys
import threading
from pathlib import Path

LAUNCH_PID = "ALOE_LAUNCH_PID"
_POLL_S = 0.2  # where the kernel offers no pidfd


def bond() -> dict[str, str]:
    """Environment variables that bond a process to the calling one: `additional_env` of launch actions."""
    return {LAUNCH_PID: str(os.getpid())}


def end_with_launch() -> None:
    """Send this process SIGINT when the launch that its environment names ends; do nothing where it names none.

    Raises:
        ValueError: The environment variable holds no process id.
    """
    # What this process starts in turn is bonded to this process, by whatever means it has.
    text = os.environ.pop(LAUNCH_PID, "")
    if not text:
        return
    if not text.isdecimal():
        raise ValueError(f"{LAUNCH_PID}={text} is no process id; unset it")
    threading.Thread(target=_end_after, args=(int(text),), name="launch bond", daemon=True).start()


def _end_after(launch: int) -> None:
    _wait_for_end(launch)
    with contextlib.suppress(OSError):  # where the launch read what we say, nobody reads it now
        print(f"the launch that started this (process {launch}) is gone: ending", file=sys.stderr, flush=True)
    # A shell without job control starts what it runs in the background so that it ignores SIGINT.
    ignored = signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    os.kill(os.getpid(), signal.SIGTERM if ignored else signal.SIGINT)


def _wait_for_end(process: int) -> None:
    try:
        descriptor = os.pidfd_open(process)
    except ProcessLookupError:
        return
    except OSError:  # whatever the kernel refuses, a bond is never given up
        _poll_for_end(process)
        return
    try:
        select.select([descriptor], [], [])  # readable from the process's end on, whether or not somebody reaps it
    finally:
        os.close(descriptor)


def _poll_for_end(process: int) -> None:
    never = threading.Event()
    while Path(f"/proc/{process}").exists():
        never.wait(_POLL_S)
