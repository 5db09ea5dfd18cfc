"""Files of JSON that people edit: what was meant is read, what cannot be is named with file and line."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aloe_data.durable import append_line
from aloe_data.sidecar import SidecarError, read_json, read_lines, read_rows


@dataclass(frozen=True)
class Row:
    """What stands on a line."""

    name: str
    size: int


ROWS = [Row("one", 1), Row("zwö\u2028lf", 12), Row("", 0)]
LINES = [json.dumps(asdict(row), ensure_ascii=False) for row in ROWS]


def write(folder: Path, text: str | bytes) -> Path:
    path = folder / "rows.jsonl"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def rows_in(path: Path) -> list[Row]:
    return [row for _, row in read_rows(path, Row, "row")]


@pytest.mark.parametrize(
    "text",
    [
        "\n".join(LINES) + "\n",
        "\n".join(LINES),
        "\ufeff" + "\n".join(LINES) + "\n",
        "\r\n".join(LINES) + "\r\n",
        ("\ufeff" + "\r\n".join(LINES)).encode("utf-16-le"),
        ("\ufeff" + "\n".join(LINES) + "\n").encode("utf-16-be"),
        "\r".join(LINES) + "\r",
        "\n".join(LINES) + "\n" + "\0" * 40 + "\n",
        "\n\n".join(["", *LINES, "  ", ""]),
        "\n".join(json.dumps(asdict(row), indent=2) for row in ROWS) + "\n",
    ],
    ids=[
        "as written",
        "no end",
        "byte order mark",
        "Windows",
        "UTF-16 of Windows",
        "UTF-16",
        "old Mac",
        "zeros of a power failure",
        "empty lines",
        "laid out over several lines",
    ],
)
def test_what_was_meant_is_read(tmp_path: Path, text: str | bytes) -> None:
    assert rows_in(write(tmp_path, text)) == ROWS


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("end", ["\n", ""])
def test_a_line_that_is_appended_is_read_whatever_encoding_an_editor_saved_the_file_in(
    tmp_path: Path, encoding: str, end: str
) -> None:
    path = write(tmp_path, ("\ufeff" + LINES[0] + end).encode(encoding))
    append_line(path, LINES[1])
    assert rows_in(path) == ROWS[:2]


def test_a_file_that_is_not_there_has_no_rows(tmp_path: Path) -> None:
    assert list(read_lines(tmp_path / "nothing")) == []


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ('{"name": "a", "size": 1,}', "a comma before the closing bracket"),
        ("{'name': 'a', 'size': 1}", "single quotes; JSON has double quotes"),
        ('{"name": "a", "size": 1},', "Extra data"),
        ('{"name": "a" "size": 1}', "Expecting ',' delimiter"),
        ('{"nam": "a", "size": 1}', "unknown key 'nam'; did you mean 'name'"),
        ('{"name": "a"}', "size missing"),
        ('{"name": "a", "size": "1"}', "size is '1', no whole number"),
        ('{"name": 3, "size": 1}', "name is 3, no text"),
        ("[]", "it needs the keys name, size"),
        ('{"name": "a", "size": ' + "1" * 5000 + "}", "digits"),
        ("[" * 100_000, "recursion"),
    ],
)
def test_a_line_that_is_no_row_is_named_with_file_line_and_fault(tmp_path: Path, line: str, fault: str) -> None:
    path = write(tmp_path, "\n".join([LINES[0], line, LINES[1], ""]))
    with pytest.raises(SidecarError) as caught:
        rows_in(path)
    assert f"{path}:2: " in str(caught.value)
    assert fault in str(caught.value)


@given(data=st.data())
def test_a_line_that_a_crash_tore_is_said_with_its_number_and_costs_no_other(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    torn = data.draw(st.sampled_from(LINES)).encode()
    torn = torn[: data.draw(st.integers(1, len(torn) - 1))]
    path = write(tmp_path_factory.mktemp("rows"), LINES[0].encode() + b"\n" + torn)
    with pytest.MonkeyPatch.context() as patch:
        said: list[str] = []
        patch.setattr("aloe_data.sidecar._say", said.append)
        assert rows_in(path) == ROWS[:1]
        append_line(path, LINES[1])
        assert rows_in(path) == ROWS[:2]
    assert len(said) == 2 and all(f"{path}:2: left out: the line ends early" in line for line in said)


def test_a_torn_line_is_said_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path, LINES[0] + "\n" + LINES[1][:9])
    rows_in(path)
    rows_in(path)
    assert capsys.readouterr().err.count(f"{path}:2: left out") == 1


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('{\n"a": 1,\n}\n', "line 3: a comma before the closing bracket"),
        ("{\n'a': 1}", "line 2: single quotes"),
        ("{", "line 1: no JSON"),
        ("", "line 1: no JSON"),
    ],
)
def test_a_file_that_is_no_json_is_named_with_the_line(tmp_path: Path, text: str, fault: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(SidecarError, match=f"{path}: cannot be read: {fault}"):
        read_json(path)


def test_a_file_of_one_value_may_have_a_byte_order_mark_and_the_line_ends_of_windows(tmp_path: Path) -> None:
    assert read_json(write(tmp_path, b'\xef\xbb\xbf{\r\n"a":\r\n[1]}\r\n')) == {"a": [1]}
    with pytest.raises(SidecarError, match="nothing: cannot be read: No such file"):
        read_json(tmp_path / "nothing")
