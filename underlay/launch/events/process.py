"""Events of launched processes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..event import Event
from ..unsupported import missing_names

if TYPE_CHECKING:
    from ..actions.execute_process import ExecuteProcess

__getattr__ = missing_names(__name__)


class RunningProcessEvent(Event):
    """An event of one process."""

    def __init__(
        self, *, action: ExecuteProcess, name: str, cmd: list[str], cwd: str | None, env: dict[str, str], pid: int
    ) -> None:
        self.action = action
        self.process_name = name
        self.cmd = cmd
        self.cwd = cwd
        self.env = env
        self.pid = pid


class ProcessStarted(RunningProcessEvent):
    """A process started."""

    name = "launch.events.process.ProcessStarted"


class ProcessExited(RunningProcessEvent):
    """A process ended; `returncode` is negative where a signal ended it."""

    name = "launch.events.process.ProcessExited"

    def __init__(self, *, returncode: int, **details: object) -> None:
        super().__init__(**details)  # type: ignore[arg-type]
        self.returncode = returncode
