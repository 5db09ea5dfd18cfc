"""Small JSON files that the suite writes beside bags, stores and runs, and that people open and correct by hand.

What was meant is read: a byte order mark, UTF-16 and line ends of Windows change nothing. What is no JSON is named with
file and line, and never passed over. One thing is: a line that a crash tore while it was written, and that was never
confirmed to anybody. That, too, is said.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from aloe_data.durable import replacing, text_encoding
from aloe_data.section import nearest

T = TypeVar("T")
_REMEDY = "correct or remove that line"
_LITERALS = ("true", "false", "null")
_ESCAPE = len("\\uXXXX")


class SidecarError(ValueError):
    """A file that cannot be read as JSON; the message names file, line and fault."""


def read_json(path: Path) -> Any:
    """What a file of one JSON value says.

    Raises:
        SidecarError: it cannot be read, or is no JSON.
    """
    try:
        text = _text(path)
        return json.loads(text)
    except OSError as error:
        raise SidecarError(f"{path}: cannot be read: {error.strerror}") from error
    except json.JSONDecodeError as error:
        raise SidecarError(f"{path}: cannot be read: line {error.lineno}: {_fault(error, text)}") from error
    except (ValueError, RecursionError) as error:  # of Python, not of JSON: a number or a nesting without end
        raise SidecarError(f"{path}: cannot be read: {error}") from error


def write_json(path: Path, value: object) -> None:
    """Write a file of one JSON value; whoever reads meanwhile finds all of it or what was there before.

    Raises:
        OSError: it cannot be written.
    """
    with replacing(path) as whole:
        whole.write((json.dumps(value) + "\n").encode())


def read_lines(path: Path) -> Iterator[tuple[int, Any]]:
    """The values of a file with one JSON value per line, each with the number of its line; nothing where it is missing.

    A value over several lines, as an editor may lay it out, counts as well.

    Raises:
        SidecarError: a line is no JSON.
        OSError: the file cannot be read.
    """
    lines = _text(path).split("\n") if path.exists() else []
    number = 0
    while number < len(lines):
        count = 1
        # Zeros are what a power failure leaves of a line whose bytes had not reached the disk.
        if lines[number].strip("\0 \t"):
            count, value = _value(path, lines, number)
            if count:
                yield number + 1, value
        number += count or 1


def _value(path: Path, lines: list[str], first: int) -> tuple[int, Any]:
    """The number of lines that a value takes, and the value; 0 lines where a crash tore it."""
    text = ""
    for count, line in enumerate(lines[first:], start=1):
        text += line + "\n"
        try:
            return count, json.loads(text)
        except json.JSONDecodeError as error:
            if _is_torn(text.rstrip(), error):
                continue
            if count == 1:
                raise SidecarError(f"{path}:{first + 1}: {_fault(error, line)}; {_REMEDY}") from error
            break
        except (ValueError, RecursionError) as error:  # of Python, not of JSON: a number or a nesting without end
            raise SidecarError(f"{path}:{first + 1}: {error}; {_REMEDY}") from error
    _say(f"{path}:{first + 1}: left out: the line ends early, as after a crash while it was written: {lines[first]}")
    return 0, None


def read_rows(path: Path, kind: type[T], name: str) -> Iterator[tuple[int, T]]:
    """As `read_lines`, each row as the dataclass of texts and whole numbers that it was written from.

    Args:
        path: Path of the file.
        kind: Dataclass of a row.
        name: Name of a row in messages.

    Raises:
        SidecarError: a line is no JSON, has a key too many or too few, or a value of another type.
        OSError: the file cannot be read.
    """
    for number, row in read_lines(path):
        fault = _row_fault(kind, row)
        if fault:
            line = json.dumps(row, ensure_ascii=False)
            raise SidecarError(f"{path}:{number}: {line} is no {name}: {fault}; {_REMEDY}")
        yield number, kind(**row)


def _row_fault(kind: type, row: object) -> str:
    """Why a row does not fit a dataclass; "" when it does."""
    types = {field.name: field.type for field in fields(kind)}
    if not isinstance(row, dict):
        return f"it needs the keys {', '.join(types)}"
    for key, value in row.items():
        if key not in types:
            return f"unknown key '{key}'; {nearest(key, types)}"
        if type(value) is not types[key]:
            return f"{key} is {value!r}, no {'text' if types[key] is str else 'whole number'}"
    missing = [key for key in types if key not in row]
    return f"{', '.join(missing)} missing" if missing else ""


def _text(path: Path) -> str:
    data = path.read_bytes()
    text = data.decode(text_encoding(data), errors="replace").removeprefix("\ufeff")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _is_torn(line: str, error: json.JSONDecodeError) -> bool:
    """Whether a line is the beginning of a JSON value, and nothing in it is wrong but that it ends."""
    if error.msg.startswith("Unterminated string"):
        return True
    if error.msg.startswith("Invalid \\u"):
        return error.pos > len(line) - _ESCAPE
    rest = line[error.pos :]
    return not rest or any(literal.startswith(rest) for literal in _LITERALS)


def _fault(error: json.JSONDecodeError, text: str) -> str:
    """What is wrong, in words for the faults that people make."""
    before = text[: error.pos].rstrip()
    at = text[error.pos : error.pos + 1]
    if at in "}]" and before.endswith(","):
        return "a comma before the closing bracket"
    if before.endswith(",") and not at:
        return "a comma at the end"
    if at == "'":
        return "single quotes; JSON has double quotes"
    return f"no JSON: {error.msg} at column {error.colno}"


@cache
def _say(text: str) -> None:
    """Once per process, however often the file is read."""
    print(text, file=sys.stderr)
