"""Strict reading of nested YAML mappings: every complaint names the file, the key and the remedy."""

import dataclasses
import difflib
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NoReturn

import yaml


def nearest(name: str, valid: Iterable[str]) -> str:
    """Say which valid name was probably meant, or list all of them."""
    names = sorted(valid)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    return f"did you mean '{close[0]}'?" if close else "valid names: " + ", ".join(names)


def parse_yaml(text: str) -> Any:
    """What a YAML text says.

    Raises:
        yaml.YAMLError: not valid, or a key is given twice.
    """
    _refuse_repeated_keys(yaml.compose(text))
    return yaml.safe_load(text)


class Section:
    """One mapping of a configuration file, with exactly the keys of a schema.

    Args:
        mapping: the parsed mapping.
        schema: dataclass whose field names are the valid keys; None: any key.
        source: file it comes from, for messages.
        path: where in the file it stands ("cameras[0]"), "" at the top.
        error: exception type to raise.
    """

    def __init__(self, mapping: Any, schema: type | None, source: str, path: str, error: type[ValueError]) -> None:
        self._source, self._path, self._error = source, path, error
        if not isinstance(mapping, Mapping):
            self.fail("", f"expected a mapping of keys to values, got {mapping!r}")
        self._mapping: Mapping[str, Any] = mapping
        valid = [str(key) for key in mapping] if schema is None else [f.name for f in dataclasses.fields(schema)]
        for key in mapping:
            if key not in valid:
                self.fail("", f"unknown key '{key}'; {nearest(str(key), valid)}")

    def fail(self, key: str, message: str) -> NoReturn:
        where = ".".join(part for part in (self._path, key) if part) or "top level"
        raise self._error(f"{self._source}: {where}: {message}")

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
            self.fail(key, f"expected a non-empty text, got {value!r}")
        return value

    def choice(self, key: str, valid: Sequence[str]) -> str:
        value = self.text(key)
        if value not in valid:
            self.fail(key, f"unknown value '{value}'; {nearest(value, valid)}")
        return value

    def boolean(self, key: str) -> bool:
        value = self.take(key)
        if not isinstance(value, bool):
            self.fail(key, f"expected true or false, got {value!r}")
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
            self.fail(key, f"expected a list of {count} numbers [{unit}], got {values!r}")
        return tuple(self._check_number(f"{key}[{i}]", v, low, high, unit) for i, v in enumerate(values))

    def section(self, key: str, schema: type | None) -> "Section":
        return Section(self.take(key), schema, self._source, self._join(key), self._error)

    def sections(self, key: str, schema: type | None) -> Iterator["Section"]:
        """The mappings of a list of mappings."""
        values = self.take(key)
        if not isinstance(values, list):
            self.fail(key, f"expected a list of mappings, got {values!r}")
        for index, value in enumerate(values):
            yield Section(value, schema, self._source, self._join(f"{key}[{index}]"), self._error)

    def _join(self, key: str) -> str:
        return f"{self._path}.{key}" if self._path else key

    def _check_number(self, key: str, value: Any, low: float, high: float, unit: str) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            self.fail(key, f"expected a number [{unit}], got {value!r}")
        if not low <= value <= high:
            self.fail(key, f"{value!r} is outside {low:g} to {high:g} [{unit}]; check the value and its unit")
        return float(value)


def _refuse_repeated_keys(node: Any) -> None:
    """Refuse a key given twice, where YAML readers would quietly keep the last one."""
    if isinstance(node, yaml.MappingNode):
        keys = [key.value for key, _ in node.value]
        for key, _ in node.value:
            if keys.count(key.value) > 1:
                raise yaml.MarkedYAMLError(problem=f"key '{key.value}' is given twice", problem_mark=key.start_mark)
    if isinstance(node, yaml.CollectionNode):
        for item in node.value:
            for child in item if isinstance(item, tuple) else (item,):
                _refuse_repeated_keys(child)
