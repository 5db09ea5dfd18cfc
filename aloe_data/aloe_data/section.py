"""Strict reading of nested YAML mappings: every complaint names the file, the key, its line and the remedy."""

import dataclasses
import difflib
import re
import reprlib
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NoReturn

from aloe_data.yaml_file import Mappings

TOPIC = r"(/[A-Za-z_][A-Za-z0-9_]*)+"
_shown = reprlib.Repr()
_shown.maxstring = _shown.maxother = 80


def show(value: object) -> str:
    """A value as it is quoted in a message: in one line, cut where it is long."""
    return "nothing" if value is None else _shown.repr(value)


def nearest(name: str, valid: Iterable[str]) -> str:
    """Say which valid name was probably meant, or list all of them."""
    names = sorted(valid)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    return f"did you mean '{close[0]}'?" if close else "valid names: " + ", ".join(names)


class Section:
    """One mapping of a configuration file, with exactly the keys of a schema.

    Args:
        mapping: Parsed mapping.
        schema: Dataclass whose field names are the valid keys; None: any key.
        source: File it comes from, for messages.
        path: Place in the file ("cameras[0]"); "": at the top.
        error: Exception type to raise.
        line: Line of the file at which its key stands; 0: not known.
    """

    def __init__(
        self, mapping: Any, schema: type | None, source: str, path: str, error: type[ValueError], line: int = 0
    ) -> None:
        self._source = source
        self._path = path
        self._error = error
        self._began = line
        self._mapping: Mapping[str, Any] = mapping if isinstance(mapping, Mapping) else {}
        if not isinstance(mapping, Mapping):
            self.fail("", f"expected a mapping of keys to values ('key: value' in every line), got {show(mapping)}")
        valid = [key for key in mapping if isinstance(key, str)]
        if schema is not None:
            valid = [field.name for field in dataclasses.fields(schema)]
        for key in mapping:
            if not isinstance(key, str):
                self.fail("", f"the key {show(key)} is no text; put it in quotes", key)
            if key not in valid:
                self.fail("", f"unknown key '{key}'; {nearest(key, valid)}", key)

    def fail(self, key: str, message: str, at: object = None) -> NoReturn:
        """Raise the error of this section.

        Args:
            key: Key that is wrong, as in "home[2]"; "": the section as a whole.
            message: Words for what is wrong with it, and the remedy.
            at: Key whose line is told where `key` does not say it.
        """
        where = ".".join(part for part in (self._path, key) if part) or "top level"
        line = self._line(re.split(r"[.\[]", key)[0] if at is None else at)
        raise self._error(f"{self._source}: {where}: {message}{f' (line {line})' if line else ''}")

    def take(self, key: str) -> Any:
        """The value of a required key."""
        if key not in self._mapping:
            self.fail(key, f"missing; add '{key}: ...'")
        return self._mapping[key]

    def names(self) -> tuple[str, ...]:
        return tuple(str(key) for key in self._mapping)

    def has(self, key: str) -> bool:
        return key in self._mapping

    def text(self, key: str) -> str:
        value = self.take(key)
        if not isinstance(value, str) or not value:
            remedy = "" if value is None or isinstance(value, str) else "; put it in quotes"
            self.fail(key, f"expected a non-empty text, got {show(value)}{remedy}")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of non-empty texts."""
        values = self.take(key)
        if not isinstance(values, list):
            self.fail(key, f"expected a list of texts, got {show(values)}")
        for index, value in enumerate(values):
            if not isinstance(value, str) or not value:
                self.fail(f"{key}[{index}]", f"expected a non-empty text, got {show(value)}; put it in quotes")
        return tuple(values)

    def topic(self, key: str) -> str:
        """An absolute ROS name."""
        topic = self.text(key)
        if not re.fullmatch(TOPIC, topic) or "__" in topic:
            self.fail(key, f"'{topic}' is not an absolute ROS name such as '/left_arm/joint_states'")
        return topic

    def choice(self, key: str, valid: Sequence[str]) -> str:
        value = self.text(key)
        if value not in valid:
            self.fail(key, f"unknown value '{value}'; {nearest(value, valid)}")
        return value

    def boolean(self, key: str) -> bool:
        value = self.take(key)
        if not isinstance(value, bool):
            self.fail(key, f"expected true or false, got {show(value)}")
        return value

    def number(self, key: str, low: float, high: float, unit: str) -> float:
        """A finite number within [low, high]."""
        return self._check_number(key, self.take(key), low, high, unit)

    def integer(self, key: str, low: int, high: int, unit: str) -> int:
        value = self.number(key, low, high, unit)
        if value != int(value):
            self.fail(key, f"expected a whole number of {unit}, got {value!r}")
        return int(value)

    def numbers(self, key: str, count: int, low: float, high: float, unit: str) -> tuple[float, ...]:
        """A list of exactly `count` numbers within [low, high]."""
        values = self.take(key)
        if not isinstance(values, list) or len(values) != count:
            self.fail(key, f"expected a list of {count} numbers [{unit}], got {show(values)}")
        return tuple(self._check_number(f"{key}[{i}]", v, low, high, unit) for i, v in enumerate(values))

    def section(self, key: str, schema: type | None) -> "Section":
        return Section(self.take(key), schema, self._source, self._join(key), self._error, self._line(key))

    def sections(self, key: str, schema: type | None) -> Iterator["Section"]:
        """The mappings of a list of mappings."""
        values = self.take(key)
        if not isinstance(values, list):
            self.fail(key, f"expected a list of mappings, got {show(values)}")
        for index, value in enumerate(values):
            path = self._join(f"{key}[{index}]")
            yield Section(value, schema, self._source, path, self._error, self._line(key))

    def _join(self, key: str) -> str:
        return f"{self._path}.{key}" if self._path else key

    def _line(self, key: object) -> int:
        """Where a key stands in the file, or else where the section begins; 0: not known."""
        if not isinstance(self._mapping, Mappings):
            return self._began
        return self._mapping.lines.get(key, self._mapping.line) if isinstance(key, Hashable) else 0

    def _check_number(self, key: str, value: Any, low: float, high: float, unit: str) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
            self.fail(key, f"expected a number [{unit}], got {show(value)}{_remedy(value)}")
        if not low <= value <= high:
            self.fail(key, f"{show(value)} is outside {low:g} to {high:g} [{unit}]; check the value and its unit")
        return float(value)


def _remedy(value: object) -> str:
    """What to do about a text where a number is expected; "" where nothing is known."""
    if not isinstance(value, str):
        return ""
    if re.fullmatch(r"[-+]?[\d_]*,\d+", value.strip()):
        return "; write a decimal point instead of the comma"
    if re.search(r"[${}*()]|\bpi\b", value):
        return "; expressions are not evaluated: write their value"
    if re.fullmatch(r"[-+]?[\d_.]+([eE][-+]?\d+)?", value.strip()):
        return "; write it without quotes"
    return ""
