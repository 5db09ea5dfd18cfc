"""A rollout as a user starts it: its output, its processes, and the signals that people and faults send."""

import contextlib
import os
import queue
import re
import signal
import subprocess
import threading
import time
from collections.abc import Sequence

import psutil


class RolloutProcess:
    """`ros2 launch aloe_bringup FILE ...` in a process group of its own, as in a terminal.

    Args:
        domain: ROS domain of its own.
        file: the launch file.
        host: what the command line begins with, to run it in another network; empty: here.
        arguments: of the launch file.
    """

    def __init__(
        self, domain: int, file: str = "rollout.launch.py", host: Sequence[str] = (), **arguments: object
    ) -> None:
        self.domain, self.text = domain, ""
        words = [f"{name}:={value}" for name, value in arguments.items()]
        self._process = subprocess.Popen(
            [*host, "ros2", "launch", "aloe_bringup", file, *words],
            env=os.environ | {"ROS_DOMAIN_ID": str(domain), "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            process_group=0,
        )
        self._lines: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def wait_for(self, pattern: str, timeout_s: float = 60.0) -> re.Match[str]:
        """Wait until the output matches."""
        deadline_s = time.monotonic() + timeout_s
        while not (match := re.search(pattern, self.text)):
            self._take(deadline_s - time.monotonic(), f"no '{pattern}' within {timeout_s} s")
        return match

    def wait(self, timeout_s: float = 60.0) -> int:
        """Wait for the end; the exit code."""
        deadline_s = time.monotonic() + timeout_s
        with contextlib.suppress(EOFError):
            while True:
                self._take(deadline_s - time.monotonic(), f"still running after {timeout_s} s")
        return self._process.wait(timeout=5)

    def interrupt(self) -> None:
        """What Ctrl-C in a terminal does: SIGINT to every process in the foreground."""
        os.killpg(self._process.pid, signal.SIGINT)

    def kill_launch(self) -> None:
        """What SIGTERM does to the official `ros2 launch`: it is gone at once, and tells its nodes nothing."""
        self._process.kill()

    def kill_node(self, name: str) -> None:
        """A node that crashes."""
        found = [p for p in self.processes() if any(part.endswith("/" + name) for part in p.cmdline())]
        assert len(found) == 1, f"{name}: {found}"
        found[0].kill()

    def processes(self) -> list[psutil.Process]:
        """All living processes of this rollout."""
        mine = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                alive = process.status() != psutil.STATUS_ZOMBIE
                same = process.environ().get("ROS_DOMAIN_ID") == str(self.domain)
                if alive and same and process.pid != os.getpid():
                    mine.append(process)
        return mine

    def close(self) -> None:
        """Leave nothing behind, whatever happened."""
        for process in self.processes():
            with contextlib.suppress(psutil.Error):
                process.kill()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def _take(self, timeout_s: float, complaint: str) -> None:
        try:
            line = self._lines.get(timeout=max(0.0, timeout_s))
        except queue.Empty:
            raise AssertionError(f"{complaint}; output:\n{self.text}") from None
        if line is None:
            self._lines.put(None)
            raise EOFError(f"{complaint}: the rollout has ended; output:\n{self.text}")
        self.text += line
