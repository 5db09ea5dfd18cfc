import subprocess
import sys
from pathlib import Path

import pytest

from aloe_data.durable import InUseError, append_line, copy_in_place, held, put_in_place, replacing, sync

HOLD = """
import sys, pathlib
from aloe_data.durable import held
with held(pathlib.Path(sys.argv[1])):
    print(flush=True)
    input()
"""


def test_one_process_at_a_time_holds_a_folder_until_it_ends_in_whatever_way(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", HOLD, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout and process.stdout.readline()
    with pytest.raises(InUseError, match=f"{tmp_path} is being written"), held(tmp_path):
        pass
    process.kill()
    process.wait()
    with held(tmp_path):
        pass


def test_all_files_of_a_folder_are_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    monkeypatch.setattr("os.fsync", lambda fd: synced.append(Path(f"/proc/self/fd/{fd}").readlink().name))
    (tmp_path / "a.mcap").touch()
    (tmp_path / "metadata.yaml").touch()
    sync(tmp_path)
    assert sorted(synced[:2]) == ["a.mcap", "metadata.yaml"]
    assert synced[2] == tmp_path.name


def test_a_folder_is_whole_on_the_disk_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draft, path = tmp_path / ".draft", tmp_path / "policy"
    for folder in (draft / "deep", path):
        folder.mkdir(parents=True)
    (draft / "deep" / "weights").write_text("new")
    (path / "old").touch()
    synced: list[str] = []
    monkeypatch.setattr("os.fsync", lambda fd: synced.append(Path(f"/proc/self/fd/{fd}").readlink().name))
    put_in_place(draft, path)
    assert synced == ["deep", "weights", ".draft", tmp_path.name]
    assert [file.name for file in path.rglob("*")] == ["deep", "weights"]


def test_a_copy_takes_the_place_of_what_was_left_of_an_earlier_one(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "rows").write_text("all")
    (tmp_path / "copy.copying").mkdir()
    (tmp_path / "copy.copying" / "half").touch()
    copy_in_place(tmp_path / "store", tmp_path / "copy")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy", "store"]
    assert [path.name for path in (tmp_path / "copy").iterdir()] == ["rows"]


def test_a_line_that_follows_a_torn_one_stands_alone(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    append_line(path, '{"n": 1}')
    path.write_bytes(path.read_bytes() + b'{"n": 2')
    append_line(path, '{"word": "größer"}')
    append_line(path, "4")
    assert path.read_text() == '{"n": 1}\n{"n": 2\n{"word": "größer"}\n4\n'


def test_an_appended_line_and_a_new_file_are_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    monkeypatch.setattr("os.fsync", lambda fd: synced.append(Path(f"/proc/self/fd/{fd}").readlink().name))
    append_line(tmp_path / "lines", "1")
    append_line(tmp_path / "lines", "2")
    assert synced == ["lines", tmp_path.name, "lines"]


def test_a_file_is_replaced_whole_and_on_the_disk_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    monkeypatch.setattr("os.fsync", lambda fd: synced.append(Path(f"/proc/self/fd/{fd}").readlink().name))
    for text in (b"first", b"second"):
        with replacing(tmp_path / "file") as file:
            file.write(text)
        assert (tmp_path / "file").read_bytes() == text
    assert synced == [".file.draft", tmp_path.name] * 2
    with pytest.raises(KeyError), replacing(tmp_path / "file") as file:
        file.write(b"half")
        raise KeyError
    assert (tmp_path / "file").read_bytes() == b"second" and [*tmp_path.iterdir()] == [tmp_path / "file"]
