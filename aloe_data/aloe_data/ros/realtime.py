"""Makes a process punctual: priority, memory that stays, and a garbage collector that waits for a quiet moment."""

import contextlib
import ctypes
import gc
import os


def raise_priority(fifo: int = 20) -> str:
    """Ask for real-time scheduling, else for a better nice value; says what was granted.

    Call it before rclpy.init, so that the middleware's threads inherit it: a tick must not wait for a lock that a
    thread of lower priority holds.
    """
    with contextlib.suppress(OSError, AttributeError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(fifo))
        return f"real-time priority (SCHED_FIFO {fifo})"
    with contextlib.suppress(OSError, AttributeError):
        os.setpriority(os.PRIO_PROCESS, 0, -10)
        return "raised priority (nice -10)"
    return "ordinary priority: raising it is not permitted; if ticks jitter, allow it (limits.conf: rtprio 20)"


def lock_memory() -> bool:
    """Keep this process's pages in memory from now on, once they were used; whether that was granted.

    A page that was written out or dropped meanwhile costs a tick a wait for the disk. Source: mlockall(2).
    """
    current = 1
    future = 2
    on_fault = 4
    with contextlib.suppress(OSError, AttributeError):
        return ctypes.CDLL(None).mlockall(current | future | on_fault) == 0
    return False


def quiet_garbage_collector() -> None:
    """Take everything that exists out of garbage collection, and stop collecting unasked."""
    gc.collect()
    gc.freeze()
    gc.disable()


def collect_garbage() -> None:
    """Collect what has gathered since; for a moment right after a tick."""
    gc.collect(1)
