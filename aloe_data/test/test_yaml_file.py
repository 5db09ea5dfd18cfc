"""Reading of YAML files: what is unambiguous is read, what is not is refused with file, line and remedy."""

from pathlib import Path
from typing import Any

import pytest

from aloe_data.section import Section
from aloe_data.yaml_file import read_yaml


class OddError(ValueError):
    """What the reader is asked to raise."""


def read(path: Path, content: bytes) -> Any:
    path.write_bytes(content)
    return read_yaml(path, OddError, "odd file", "odd_*.yaml")


@pytest.mark.parametrize(
    ("content", "value"),
    [
        (b"a: 1e3", {"a": 1000.0}),
        (b"a: -1.5E-2", {"a": -0.015}),
        (b"a: '1e3'", {"a": "1e3"}),
        (b"a: 0x10", {"a": 16}),
        (b"a: 1_000", {"a": 1000}),
        (b"\xef\xbb\xbfa: 1\r\nb: [1, 2,]\r\n", {"a": 1, "b": [1, 2]}),
        (b"a:\n  left\n  arm\nb: {c: 1,\n  d: 2,}", {"a": "left arm", "b": {"c": 1, "d": 2}}),
        (b"a: &x {c: 1, d: 2}\nb: {<<: *x, d: 3}", {"a": {"c": 1, "d": 2}, "b": {"c": 1, "d": 3}}),
        (b"a: &x {c: 1}\nb: {e: &y {<<: *x, c: 2}}\nd: {<<: *y}", {"a": {"c": 1}, "b": {"e": {"c": 2}}, "d": {"c": 2}}),
        (b"", None),
        (b"- a", ["a"]),
    ],
)
def test_what_is_unambiguous_is_read(content: bytes, value: Any, tmp_path: Path) -> None:
    assert read(tmp_path / "odd_1.yaml", content) == value


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        (b"a: 1\nb: 012", ["line 2", "YAML reads 012 as 10", "without leading 0"]),
        (b"a: 1:30", ["line 1", "YAML reads 1:30 as 90"]),
        (b"a: 1:30.5", ["YAML reads 1:30.5 as 90.5"]),
        (b"a: 1\n\tb: 2", ["line 2", "spaces instead of tabs"]),
        (b"a: 1\nb: 2\na: 3", ["line 3", "key 'a' is given twice"]),
        (b"a: 2026-13-45", ["line 1", "'2026-13-45'", "quotes"]),
        (b"a: 0x_", ["line 1", "'0x_'"]),
        (b"a: " + b"9" * 5000, ["line 1"]),
        (b"a: 0" + b"7" * 4000, ["line 1"]),
        (b"a: !!timestamp x", ["line 1"]),
        (b"a: 1\nb: M\xfcller", ["line 2", "UTF-8"]),
        (b"\xff\xfea\x00:\x00", ["line 1", "UTF-8"]),
        (b"a: 1\nb: \x00", ["line 2", "remove it"]),
        (b"[" * 3000, ["nested too deeply"]),
        (b"? [1]\n: 3", ["line 1", "unhashable key"]),
        (b"a: 'x", ["line 1", "unexpected end"]),
        (b"a: 1\n---\nb: 2", ["line 2", "another document"]),
    ],
)
def test_what_is_not_is_refused_in_one_line_with_place_and_remedy(
    content: bytes, parts: list[str], tmp_path: Path
) -> None:
    with pytest.raises(OddError) as caught:
        read(tmp_path / "odd_1.yaml", content)
    for part in ["odd_1.yaml", *parts]:
        assert part in str(caught.value)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 500


def test_what_is_no_file_is_named_with_the_files_that_are_there(tmp_path: Path) -> None:
    (tmp_path / "odd_2.yaml").touch()
    with pytest.raises(OddError, match=r"odd_1.yaml: no such odd file; odd files in that folder: .*odd_2.yaml"):
        read_yaml(tmp_path / "odd_1.yaml", OddError, "odd file", "odd_*.yaml")
    with pytest.raises(OddError, match=r"is a folder; give the odd file inside it"):
        read_yaml(tmp_path, OddError, "odd file")
    with pytest.raises(OddError, match=r"cannot be read: .*too long"):
        read_yaml(tmp_path / ("x" * 300), OddError, "odd file")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 3,14", "odd_1.yaml: a: .*, got '3,14'; write a decimal point instead of the comma .line 1"),
        ("\na: ${-pi}", "got '\\${-pi}'; expressions are not evaluated: write their value .line 2"),
        ("a: '3'", "got '3'; write it without quotes"),
        ("a:", "got nothing"),
        ("a: .nan", "got nan"),
        ("a: nan", "got 'nan'"),
        ("a: .inf", "inf is outside"),
        ("a: 1e400", "inf is outside"),
        ("a: " + "9" * 400, "is outside"),
        ("a: yes", "got True"),
        ("on: 3", "odd_1.yaml: top level: the key True is no text; put it in quotes .line 1"),
        ("b: 3", "a: missing; add 'a: ...' .line 1"),
    ],
)
def test_a_number_that_is_none_is_named_with_key_line_and_remedy(text: str, message: str, tmp_path: Path) -> None:
    tree = read(tmp_path / "odd_1.yaml", text.encode())
    with pytest.raises(OddError, match=message):
        Section(tree, None, str(tmp_path / "odd_1.yaml"), "", OddError).number("a", -4.0, 4.0, "rad")
