"""Comparing the definitions of messages as bags store them: what was recorded against what is installed."""

import re
from collections.abc import Mapping

# Between a type and those that it contains, as rosbag2 writes them: a line of '=', then "MSG: package/Name".
_NEXT_TYPE = re.compile(r"^=+\s*\nMSG: (\S+)\s*\n", re.MULTILINE)


def definition_difference(type_name: str, recorded: str, installed: str) -> str:
    """What differs between two definitions, comments and spaces aside; "" when they mean the same.

    Args:
        type_name: "package/msg/Name" that both define.
        recorded: Text from the bag: the .msg file, followed by those of all types in it.
        installed: Text of the same of the interfaces that are installed.
    """
    name = type_name.replace("/msg/", "/")
    before = _parse(name, recorded)
    now = _parse(name, installed)
    notes = []
    for part in sorted(before.keys() | now.keys()):
        old = before.get(part, ())
        new = now.get(part, ())
        if old == new:
            continue
        changes = [("now also", set(new) - set(old)), ("no longer", set(old) - set(new))]
        said = [f"{word} {', '.join(sorted(fields))}" for word, fields in changes if fields]
        notes.append(f"{part} has {' and '.join(said) or 'its fields in another order'}")
    return "; ".join(notes)


def _parse(name: str, text: str) -> Mapping[str, tuple[str, ...]]:
    """Fields and constants by type."""
    parts = _NEXT_TYPE.split(text.replace("\r", ""))
    named = [(name, parts[0]), *zip(parts[1::2], parts[2::2], strict=True)]
    return {part.replace("/msg/", "/"): tuple(filter(None, map(_field, body.splitlines()))) for part, body in named}


def _field(line: str) -> str:
    """A line without comment and superfluous space; a '#' in a text value is none."""
    code = line if "'" in line.partition("#")[0] or '"' in line.partition("#")[0] else line.partition("#")[0]
    return re.sub(r"\s*=\s*", "=", " ".join(code.split()))
