"""What checks before motion find, each with its remedy.

A FAIL keeps the arms from moving, or data from being kept; a WARN makes them worse.
"""

from dataclasses import dataclass
from enum import IntEnum


class Level(IntEnum):
    """How bad a finding is."""

    OK = 0
    WARN = 1
    FAIL = 2


@dataclass(frozen=True)
class Finding:
    """What one check has found: how bad, what, and what to do about it."""

    level: Level
    check: str
    what: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.level.name:5} {self.check:10} {self.what}" + (f" -> {self.remedy}" if self.remedy else "")


def ok(check: str, what: str) -> Finding:
    """A check that found nothing wrong."""
    return Finding(Level.OK, check, what)


def warn(check: str, what: str, remedy: str) -> Finding:
    """Something that makes motion or recordings worse."""
    return Finding(Level.WARN, check, what, remedy)


def fail(check: str, what: str, remedy: str) -> Finding:
    """Something that keeps the arms from moving, or data from being kept."""
    return Finding(Level.FAIL, check, what, remedy)
