"""When faults happen: lists of them in files, and what is due at a moment."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from aloe_data.rig import Rig
from aloe_data.section import Section, nearest
from aloe_data.yaml_file import read_yaml
from aloe_sim.faults.kinds import MAX_TIME_S, Fault, FaultError, parse_fault


@dataclass(frozen=True)
class Planned:
    """A fault at a time after the start [s]; a lasting one ends after `for_s`."""

    at_s: float
    fault: Fault
    for_s: float


def read_schedule(path: Path, rig: Rig) -> list[Planned]:
    """Read a YAML list of `{at: 3.0, fault: "camera_freeze:head", for: 2.0}`; `for` is needed by lasting faults only.

    Raises:
        FaultError: with file, entry and remedy.
    """
    top = Section({"faults": read_yaml(path, FaultError, "schedule of faults")}, None, str(path), "", FaultError)
    return [_entry(item, rig) for item in top.sections("faults", None)]


def plan(at_s: float, fault: Fault, for_s: float | None) -> Planned:
    """Check that a lasting fault has an end, and that one that happens once has none.

    Raises:
        FaultError: it has not, or it has.
    """
    if fault.lasting and for_s is None:
        raise FaultError(f"{fault}: how long? add '--for SECONDS' (in a file 'for: SECONDS')")
    if not fault.lasting and for_s is not None:
        raise FaultError(f"{fault} happens once; leave its duration out")
    if not 0.0 <= at_s <= MAX_TIME_S or not 0.0 <= (for_s or 0.0) <= MAX_TIME_S:
        raise FaultError(f"{fault}: times lie between 0 and {MAX_TIME_S:g} s")
    return Planned(at_s, fault, for_s or 0.0)


class Schedule:
    """Says when faults begin and end; both ends of a lasting one are reported."""

    def __init__(self, planned: Iterable[Planned] = ()) -> None:
        self._events: list[tuple[float, bool, Fault]] = []
        for entry in planned:
            self.add(entry)

    def add(self, planned: Planned) -> None:
        """One more fault."""
        self._events.append((planned.at_s, True, planned.fault))
        if planned.fault.lasting:
            self._events.append((planned.at_s + planned.for_s, False, planned.fault))
        self._events.sort(key=lambda event: event[0])

    def next(self, elapsed_s: float) -> tuple[bool, Fault] | None:
        """What is due and comes first: (it begins, fault)."""
        if not self._events or self._events[0][0] > elapsed_s:
            return None
        _, begins, fault = self._events.pop(0)
        return begins, fault

    @property
    def finished(self) -> bool:
        """Whether nothing is to come."""
        return not self._events


def _entry(item: Section, rig: Rig) -> Planned:
    for name in item.names():
        if name not in ("at", "fault", "for"):
            item.fail("", f"unknown key '{name}'; {nearest(name, ('at', 'fault', 'for'))}")
    duration = item.number("for", 0.0, MAX_TIME_S, "s") if item.has("for") else None
    try:
        return plan(item.number("at", 0.0, MAX_TIME_S, "s"), parse_fault(item.text("fault"), rig), duration)
    except FaultError as error:
        item.fail("fault", str(error))
