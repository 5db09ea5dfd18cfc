"""Where the output of the launch and of its processes goes: the screen and `launch.log`."""

from __future__ import annotations

import contextlib
import datetime
import logging
import os
import socket
from pathlib import Path
from typing import TextIO

from .unsupported import missing_names, refuse

__getattr__ = missing_names(__name__)

_OUTPUTS = {  # output=...: (screen, launch.log) for stdout, the same for stderr
    "screen": ((True, False), (True, False)),
    "log": ((False, True), (True, True)),
    "both": ((True, True), (True, True)),
}


class _LaunchConfig:
    """The log folder of this launch, made when first needed."""

    def __init__(self) -> None:
        self._log_dir: Path | None = None
        self._log_file: TextIO | None = None

    @property
    def log_dir(self) -> str:
        """Folder of this launch's log: below ROS_LOG_DIR, or ROS_HOME/log, or ~/.ros/log."""
        if self._log_dir is None:
            home = Path(os.environ.get("ROS_HOME") or Path.home() / ".ros")
            base = Path(os.environ.get("ROS_LOG_DIR") or home / "log").expanduser()
            stamp = datetime.datetime.now().strftime("%Y-%m-%d-%H-%M-%S-%f")
            self._log_dir = base / f"{stamp}-{socket.gethostname()}-{os.getpid()}"
            self._log_dir.mkdir(parents=True, exist_ok=True)
        return str(self._log_dir)

    def write(self, line: str) -> None:
        """Append a line to launch.log."""
        if self._log_file is None:
            self._log_file = (Path(self.log_dir) / "launch.log").open("a", buffering=1)
        self._log_file.write(f"{datetime.datetime.now().timestamp():.7f} {line}\n")

    def reset(self) -> None:
        """Begin a new log where the next line is written."""
        if self._log_file is not None:
            self._log_file.close()
        self._log_dir = None
        self._log_file = None


launch_config = _LaunchConfig()


def reset() -> None:
    """Forget this process's launch log; officially the screen that was captured is forgotten as well."""
    launch_config.reset()


def _show(line: str) -> None:
    """Print a line at once; a screen that is gone, as behind `| head`, stops nothing."""
    with contextlib.suppress(BrokenPipeError):
        print(line, flush=True)


class _Handler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        line = f"[{record.levelname}] [{record.name}]: {record.getMessage()}"
        _show(line)
        launch_config.write(line)


def get_logger(name: str | None = None) -> logging.Logger:
    """Return a logger that prints `[LEVEL] [name]: message`; `launch` is the launch's own."""
    logger = logging.getLogger(name or "launch")
    if not any(isinstance(handler, _Handler) for handler in logger.handlers):
        logger.addHandler(_Handler())
        logger.propagate = False
        logger.setLevel(logging.INFO)
    return logger


class ProcessOutput:
    """Prints the lines of one stream of a process behind its name."""

    def __init__(self, name: str, screen: bool, log: bool) -> None:
        self._prefix, self._screen, self._log, self._rest = f"[{name}] ", screen, log, b""

    def feed(self, data: bytes) -> None:
        """Take a piece of output; whole lines are printed."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._print(line)

    def close(self) -> None:
        """Print what is left of a last line without an end."""
        if self._rest:
            self._print(self._rest)
            self._rest = b""

    def _print(self, line: bytes) -> None:
        text = self._prefix + line.rstrip(b"\r").decode(errors="replace")
        if self._screen:
            _show(text)
        if self._log:
            launch_config.write(text)


def get_output_loggers(name: str, output: str) -> tuple[ProcessOutput, ProcessOutput]:
    """Return where stdout and stderr of a process go for output='screen', 'log' or 'both'."""
    if output not in _OUTPUTS:
        refuse(f"output='{output}' (of the official values there are {', '.join(_OUTPUTS)} here)")
    stdout, stderr = _OUTPUTS[output]
    return ProcessOutput(name, *stdout), ProcessOutput(name, *stderr)
