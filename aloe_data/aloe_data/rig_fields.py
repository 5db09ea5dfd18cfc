"""Fields that several sections of a rig file have: names, ages, and lists without duplicates."""

import re
from collections.abc import Iterable

from aloe_data.section import Section


def read_name(section: Section) -> str:
    """The name of a camera or an arm, which is part of topics' names."""
    name = section.text("name")
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        section.fail("name", f"'{name}' must be lower-case letters, digits and underscores, as in 'left_arm'")
    return name


def read_max_age(section: Section, rate_hz: float) -> float:
    """The age [s] from which on a stream of some rate [Hz] counts as stale."""
    max_age_s = section.number("max_age_s", 0.001, 10, "s")
    if max_age_s < 1.0 / rate_hz:
        section.fail("max_age_s", f"{max_age_s:g} s is less than one period at {rate_hz:g} Hz: always stale; raise it")
    return max_age_s


def refuse_duplicates(section: Section, what: str, values: Iterable[str]) -> None:
    """Fail where a value stands twice.

    Args:
        section: Section of the rig file that is read.
        what: Word for what the values are, such as "joint name".
        values: Values that must all differ.
    """
    seen: set[str] = set()
    for value in values:
        if value in seen:
            section.fail("", f"{what} '{value}' is used twice; every {what} must be unique")
        seen.add(value)
