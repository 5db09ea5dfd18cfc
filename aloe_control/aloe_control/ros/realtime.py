"""Makes a process punctual: priority, and a garbage collector that waits for a quiet moment."""

import contextlib
import gc
import os


def raise_priority() -> str:
    """Ask for real-time scheduling of this thread, else for a better nice value; says what was granted."""
    with contextlib.suppress(OSError, AttributeError):
        os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(20))
        return "real-time priority (SCHED_FIFO 20)"
    with contextlib.suppress(OSError, AttributeError):
        os.setpriority(os.PRIO_PROCESS, 0, -10)
        return "raised priority (nice -10)"
    return "ordinary priority: raising it is not permitted; if ticks jitter, allow it (limits.conf: rtprio 20)"


def quiet_garbage_collector() -> None:
    """Take everything that exists out of garbage collection, and stop collecting unasked."""
    gc.collect()
    gc.freeze()
    gc.disable()


def collect_garbage() -> None:
    """Collect what has gathered since; for a moment right after a tick."""
    gc.collect(1)
