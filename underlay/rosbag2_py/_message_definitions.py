"""Message types as text: the .msg file followed by those of all types in it, as rosbag2 embeds them in MCAP."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from ament_index_python.packages import PackageNotFoundError, get_package_share_directory

from rosbag2_py._storage import MessageDefinition

_FIELD_TYPE = re.compile(r"^\s*([a-zA-Z0-9_/]+)(?:<=\d+)?(?:\[[^\]]*\])?\s+[a-zA-Z]", re.MULTILINE)
_PRIMITIVES = {
    "bool", "byte", "char", "float32", "float64", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64",
    "uint64", "string", "wstring",
}  # fmt: skip


def _message_file(type_name: str) -> Path | None:
    package, *kind, name = type_name.split("/")
    try:
        return Path(get_package_share_directory(package)) / (kind[0] if kind else "msg") / f"{name}.msg"
    except PackageNotFoundError:
        return None


def _dependencies(text: str, package: str) -> list[str]:
    """Types of the fields, sorted, as "package/Name"."""
    names = {name for name in _FIELD_TYPE.findall(text) if name not in _PRIMITIVES}
    return sorted(name if "/" in name else f"{package}/{name}" for name in names)


def _append(type_name: str, seen: set[str], out: list[str]) -> bool:
    path = _message_file(type_name)
    if path is None or not path.exists():
        return False
    text = path.read_text()
    out.append(text)
    for name in _dependencies(text, type_name.split("/")[0]):
        if name not in seen:
            seen.add(name)
            out.append(f"\n{'=' * 80}\nMSG: {name}\n")
            if not _append(name, seen, out):
                return False
    return True


@cache
def full_definition(type_name: str) -> str:
    """Concatenated definition of "package/msg/Name"; "" when a .msg file in it is not installed."""
    out: list[str] = []
    return "".join(out) if _append(type_name, set(), out) else ""


class LocalMessageDefinitionSource:
    """Definitions of the types that are installed here."""

    def get_full_text(self, topic_type: str) -> MessageDefinition:
        """Definition of a type; the encoding is "unknown" and the text empty when it is not installed."""
        text = full_definition(topic_type)
        return MessageDefinition(topic_type, "ros2msg" if text else "unknown", text, "")
