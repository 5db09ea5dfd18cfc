"""The one reader of YAML files: what cannot be read, or would be read as something else than it says, is refused.

Every message names the file, the line where it is known, and the remedy. Numbers with an exponent ("1e3") are numbers,
as in YAML 1.2; YAML 1.1, which PyYAML follows, takes them for texts.
"""

import re
import textwrap
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

import yaml

_EXPONENT = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$")
_OCTAL = re.compile(r"[-+]?0[0-7_]+")


class Mappings(dict[Hashable, Any]):
    """A mapping of a YAML file that knows where its keys stand.

    Attributes:
        line: Line of the file at which it begins, from 1.
        lines: Line of each key, by the key.
    """

    line = 0
    lines: Mapping[Hashable, int] = {}


def read_yaml(path: Path, error: type[ValueError], what: str, pattern: str = "*.yaml") -> Any:
    """What a YAML file says; its mappings are `Mappings`.

    Args:
        path: Path of the file.
        error: Type of the exception to raise.
        what: Kind of file, for messages.
        pattern: Names of files of this kind; where there is no such file, those of the folder are listed.

    Raises:
        error: with file, line where known, and remedy.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError as cause:
        others = ", ".join(sorted(str(other) for other in path.parent.glob(pattern))) or "none"
        raise error(f"{path}: no such {what}; {what}s in that folder: {others}") from cause
    except IsADirectoryError as cause:
        raise error(f"{path}: is a folder; give the {what} inside it") from cause
    except UnicodeDecodeError as cause:
        line = cause.object.count(b"\n", 0, cause.start) + 1
        raise error(f"{path}: line {line} is not UTF-8 text; save the file as UTF-8") from cause
    except (OSError, ValueError) as cause:
        raise error(f"{path}: cannot be read: {getattr(cause, 'strerror', None) or cause}") from cause
    try:
        return parse_yaml(text)
    except yaml.YAMLError as cause:
        raise error(f"{path}: not valid YAML: {_describe(cause, text)}") from cause


def parse_yaml(text: str) -> Any:
    """What a YAML text says; its mappings are `Mappings`.

    Raises:
        yaml.YAMLError: not valid, a key is given twice, or a number that YAML would read as another one.
    """
    try:
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            _refuse_repeated_keys(node)
            return None if node is None else loader.construct_document(node)
        finally:
            loader.dispose()
    except RecursionError as cause:
        raise yaml.YAMLError("it is nested too deeply, or in itself") from cause


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader, with lines and without its surprises."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except yaml.YAMLError:
            raise
        except (ValueError, LookupError, TypeError, AttributeError) as cause:  # "2026-13-45", "!!int many"
            raise _fault(node, f"'{node.value}' is not what it looks like; put it in quotes") from cause

    def read_map(self, node: yaml.MappingNode) -> Any:
        """A mapping with its lines, in two steps as `SafeLoader.construct_yaml_map`: it may hold itself."""
        data = Mappings()
        data.line = node.start_mark.line + 1
        yield data
        data.update(self.construct_mapping(node))
        data.lines = {key.value: key.start_mark.line + 1 for key, _ in node.value if isinstance(key, yaml.ScalarNode)}

    def read_int(self, node: yaml.ScalarNode) -> int:
        """An integer, unless YAML 1.1 means another one than people do: octal 012, sexagesimal 1:30."""
        value = int(self.construct_yaml_int(node))
        self._refuse_old_notation(node, value)
        return value

    def read_float(self, node: yaml.ScalarNode) -> float:
        """A number, unless it is written in sexagesimal, as in 1:30.5."""
        value = float(self.construct_yaml_float(node))
        self._refuse_old_notation(node, value)
        return value

    def _refuse_old_notation(self, node: yaml.ScalarNode, value: float) -> None:
        if ":" in node.value or _OCTAL.fullmatch(node.value):
            remedy = "write the number that you mean without leading 0 and ':', or a text in quotes"
            raise _fault(node, f"YAML reads {node.value} as {value}; {remedy}")


_Loader.add_constructor("tag:yaml.org,2002:map", _Loader.read_map)
_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.read_int)
_Loader.add_constructor("tag:yaml.org,2002:float", _Loader.read_float)
_Loader.add_implicit_resolver("tag:yaml.org,2002:float", _EXPONENT, list("-+.0123456789"))


def _refuse_repeated_keys(root: yaml.Node | None) -> None:
    """Refuse a key given twice, where YAML readers would quietly keep the last one."""
    waiting = [root]
    walked: set[int] = set()
    while waiting:
        node = waiting.pop()
        if not isinstance(node, yaml.CollectionNode) or id(node) in walked:
            continue
        walked.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            waiting += node.value
            continue
        keys: set[tuple[str, str]] = set()
        for key, value in node.value:
            waiting += [key, value]
            if not isinstance(key, yaml.ScalarNode):
                continue
            if (key.tag, key.value) in keys:
                raise _fault(key, f"key '{key.value}' is given twice; remove one")
            keys.add((key.tag, key.value))


def _fault(node: yaml.Node, problem: str) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)


def _describe(error: yaml.YAMLError, text: str) -> str:
    """One line for a fault of a text, without PyYAML's excerpt."""
    if isinstance(error, yaml.reader.ReaderError):
        return f"line {text.count(chr(10), 0, error.position) + 1}: a character that YAML does not allow; remove it"
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error)
    where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    remedy = "; indent with spaces instead of tabs" if "\\t" in problem else ""
    return f"{where}{textwrap.shorten(problem, 300)}{remedy}"
