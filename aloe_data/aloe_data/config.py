"""Parameters as frozen dataclasses: one declaration serves a node, a command line and the tests."""

import argparse
import contextlib
import dataclasses
import json
import math
import types
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml

from aloe_data.section import nearest

T = TypeVar("T")
_REQUIRED = dataclasses.MISSING
# Launch configurations that `launch` itself understands, beside the arguments of a launch file.
_OF_LAUNCH = (
    "launch-prefix", "launch-prefix-filter", "sigterm_timeout", "sigkill_timeout", "emulate_tty",
    "ros_namespace", "ros_remaps", "global_params",
)  # fmt: skip


class ConfigError(ValueError):
    """A parameter that is unknown, missing, of the wrong type or out of bounds."""


@dataclasses.dataclass(frozen=True)
class Spec:
    """What a parameter's declaration says beyond its default and type."""

    unit: str
    low: float | None
    high: float | None
    choices: tuple[str, ...]
    doc: str
    positional: bool = False

    def describe(self) -> str:
        """One line for help texts and parameter descriptions."""
        notes = [f"[{self.unit}]"] if self.unit else []
        if self.choices:
            notes.append("one of " + ", ".join(self.choices))
        if self.low is not None or self.high is not None:
            low = "" if self.low is None else f"{self.low:g}"
            notes.append(f"{low}..{'' if self.high is None else f'{self.high:g}'}")
        return " ".join([self.doc, *notes]).strip()


def parameter(
    default: Any = _REQUIRED,
    *,
    unit: str = "",
    low: float | None = None,
    high: float | None = None,
    choices: Sequence[str] = (),
    doc: str = "",
    positional: bool = False,
) -> Any:
    """Declare one parameter of a configuration dataclass.

    Args:
        default: Value where none is given; without a default the parameter must be given.
        unit: Physical unit of the value, such as "s"; "": none.
        low: Smallest value that is allowed; None: any.
        high: Largest value that is allowed; None: any.
        choices: Words that are allowed; none: any.
        doc: Description for people.
        positional: Whether a command line gives it by its place, not by its name.
    """
    spec = Spec(unit, low, high, tuple(choices), doc, positional)
    return dataclasses.field(default=default, kw_only=True, metadata={"spec": spec})


def spec_of(field: "dataclasses.Field[Any]") -> Spec:
    """The declaration of a field; plain fields get an empty one."""
    return typing.cast(Spec, field.metadata.get("spec", Spec("", None, None, (), "")))


def from_mapping(cls: type[T], mapping: Mapping[str, Any], source: str) -> T:
    """Build a configuration, checking names, types and bounds.

    Args:
        cls: Dataclass whose fields are declared with `parameter`.
        mapping: Values by name; missing names take their default.
        source: Name of what the values come from, for messages.

    Raises:
        ConfigError: with source, key and the nearest valid name or the bounds.
    """
    fields = {field.name: field for field in _fields(cls)}
    for key in mapping:
        if key not in fields:
            raise ConfigError(f"{source}: unknown parameter '{key}'; {nearest(key, fields)}")
    hints = typing.get_type_hints(cls)
    values = {key: _checked(source, fields[key], hints[key], value) for key, value in mapping.items()}
    for name, field in fields.items():
        if name not in values and is_required(field):
            raise ConfigError(f"{source}: parameter '{name}' is missing; give it ({spec_of(field).describe()})")
    return cls(**values)


def is_required(field: "dataclasses.Field[Any]") -> bool:
    """Whether a parameter has no default."""
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def add_arguments(parser: argparse.ArgumentParser, cls: type) -> None:
    """Add one `--name` per parameter of `cls`, or its place where it is positional."""
    hints = typing.get_type_hints(cls)
    for field in _fields(cls):
        if spec_of(field).positional:
            _add_positional(parser, field, hints[field.name])
        else:
            _add_option(parser, field, hints[field.name])


def _add_option(parser: argparse.ArgumentParser, field: "dataclasses.Field[Any]", hint: Any) -> None:
    options: dict[str, Any] = {"dest": field.name, "default": argparse.SUPPRESS, "required": is_required(field)}
    options["help"] = _help(field)
    if hint is bool:
        options["action"] = argparse.BooleanOptionalAction
    elif typing.get_origin(hint) is tuple:
        options |= {"nargs": "*", "metavar": field.name.upper()}
    else:
        options["metavar"] = spec_of(field).unit or field.name.upper()
    parser.add_argument("--" + field.name.replace("_", "-"), **options)


def _add_positional(parser: argparse.ArgumentParser, field: "dataclasses.Field[Any]", hint: Any) -> None:
    options: dict[str, Any] = {"default": argparse.SUPPRESS, "help": _help(field), "metavar": field.name.upper()}
    if typing.get_origin(hint) is tuple:
        options["nargs"] = "+" if is_required(field) else "*"
    elif not is_required(field):
        options["nargs"] = "?"
    parser.add_argument(field.name, **options)


def _help(field: "dataclasses.Field[Any]") -> str:
    default = "" if is_required(field) else f" (default: {field.default})"
    return (spec_of(field).describe() + default).replace("%", "%%")


def from_arguments(cls: type[T], namespace: argparse.Namespace) -> T:
    """Build a configuration from parsed arguments; arguments of others are left alone.

    Raises:
        ConfigError: see `from_mapping`.
    """
    hints = typing.get_type_hints(cls)
    given = {field.name: getattr(namespace, field.name) for field in _fields(cls) if hasattr(namespace, field.name)}
    return from_mapping(cls, {name: _parse(hints[name], value) for name, value in given.items()}, "command line")


def from_texts(cls: type[T], texts: Mapping[str, str], source: str) -> T:
    """Build a configuration from the configurations of a launch, which are all text.

    Raises:
        ConfigError: see `from_mapping`.
    """
    hints = typing.get_type_hints(cls)
    values = {}
    for name, text in texts.items():
        if hints.get(name) is bool:
            values[name] = {"true": True, "false": False}.get(text.lower(), text)
        elif name not in _OF_LAUNCH:
            values[name] = _parse(hints.get(name), text)
    return from_mapping(cls, values, source)


def ros_arguments(parameters: Mapping[str, Any]) -> list[str]:
    """Parameters of a node as the words that follow `--ros-args`.

    ROS reads each value as YAML, by other rules than the launch system that writes parameter files: there `123E5`, `n`
    and `nan` are text, for the node they are numbers and a truth value. Text in quotes is text for both.

    Args:
        parameters: Values by name: texts, numbers, truth values, and lists of these.
    """
    words = []
    for name, value in parameters.items():
        words += ["-p", f"{name}:={_as_yaml(value)}"]
    return words


def _as_yaml(value: Any) -> str:
    if isinstance(value, str):
        quoted = yaml.safe_dump(value, default_style='"', allow_unicode=True, width=math.inf)
        return quoted.removesuffix("\n")
    if isinstance(value, list | tuple):
        return f"[{', '.join(_as_yaml(item) for item in value)}]"
    return json.dumps(value)


def _fields(cls: type) -> tuple["dataclasses.Field[Any]", ...]:
    return tuple(field for field in dataclasses.fields(cls) if field.init)


def _parse(hint: Any, value: Any) -> Any:
    """Turn command-line text into a number where one is asked for; what does not parse is refused by the check."""
    if isinstance(value, list):
        return [_parse(typing.get_args(hint)[0], item) for item in value]
    for number in (int, float):
        if isinstance(value, str) and (number is hint or (number is int and hint is float)):
            try:
                return number(value)
            except ValueError:
                continue
    return value


def _checked(source: str, field: "dataclasses.Field[Any]", hint: Any, value: Any) -> Any:
    """The value as its type and within its bounds, or a ConfigError."""
    spec = spec_of(field)
    where = f"{source}: {field.name}"
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        if value is None and type(None) in typing.get_args(hint):
            return None
        hint = next(arg for arg in typing.get_args(hint) if arg is not type(None))
    if typing.get_origin(hint) is tuple:
        if isinstance(value, str) or not isinstance(value, Sequence):
            raise ConfigError(f"{where}: expected a list, got {value!r}")
        return tuple(_scalar(where, spec, typing.get_args(hint)[0], item) for item in value)
    return _scalar(where, spec, hint, value)


def _scalar(where: str, spec: Spec, hint: type, value: Any) -> Any:
    if hint is Path and isinstance(value, str | Path):
        return Path(value)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        with contextlib.suppress(OverflowError):  # then it is refused as what it is
            value = float(value)
    if not isinstance(value, hint) or (hint is not bool and isinstance(value, bool)):
        unit = f" [{spec.unit}]" if spec.unit else ""
        remedy = f"; YAML reads that as {type(value).__name__}, and as text in quotes: '\"...\"'" if hint is str else ""
        raise ConfigError(f"{where}: expected {hint.__name__}{unit}, got {value!r}{remedy}")
    if isinstance(value, int | float) and hint is not bool:
        low = -math.inf if spec.low is None else spec.low
        high = math.inf if spec.high is None else spec.high
        if not low <= value <= high or value in (-math.inf, math.inf):
            raise ConfigError(f"{where}: {value} is outside {low:g} to {high:g} {spec.unit}".rstrip())
    if spec.choices and value not in spec.choices:
        raise ConfigError(f"{where}: unknown value '{value}'; {nearest(str(value), spec.choices)}")
    return value
