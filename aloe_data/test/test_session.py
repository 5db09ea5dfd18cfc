"""The session of a launch."""

import json
import os
import subprocess
import tempfile
from pathlib import Path

import pytest

from aloe_data.session import SESSION_FILE, SessionError, begin_session, open_session, session_path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "private" / "session-7.json"


def change(file: Path, **values: object) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


def test_nodes_read_what_their_launch_wrote_and_nobody_else_can(file):
    session = begin_session(file)
    assert open_session(file) == session
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    assert len(session.secret) == 32


def test_every_launch_has_a_key_of_its_own(file, tmp_path):
    assert begin_session(file).key != begin_session(tmp_path / "other.json").key


def test_a_missing_file_is_named_with_the_remedy(file):
    with pytest.raises(SessionError, match=r"there is no session file .*session-7.json; start the nodes with"):
        open_session(file)


def test_a_file_that_others_can_read_is_refused(file):
    begin_session(file)
    file.chmod(0o644)
    with pytest.raises(SessionError, match=r"can be read by others \(mode 0644\); remove it"):
        open_session(file)


def test_a_link_is_refused_because_it_may_lead_to_a_foreign_file(file, tmp_path):
    begin_session(file)
    link = tmp_path / "link.json"
    link.symlink_to(file)
    with pytest.raises(SessionError, match="cannot be read"):
        open_session(link)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a file away")
def test_the_file_of_another_user_is_refused_by_nodes_and_launches(file):
    begin_session(file)
    os.chown(file, 12345, 12345)
    with pytest.raises(SessionError, match="belongs to another user"):
        open_session(file)
    with pytest.raises(SessionError, match="belongs to another user"):
        begin_session(file)


def test_a_session_ends_with_its_launch(file):
    begin_session(file)
    ended = subprocess.Popen(["true"])
    ended.wait()
    change(file, launch_pid=ended.pid)
    with pytest.raises(SessionError, match=f"a launch that has ended \\(process {ended.pid}\\)"):
        open_session(file)


def test_a_launch_takes_the_place_of_one_that_has_ended_also_in_a_file_that_is_given(file, monkeypatch):
    monkeypatch.setenv(SESSION_FILE, str(file))
    former = begin_session()
    assert begin_session() == former
    change(file, boot="another")
    assert begin_session().key != former.key
    assert open_session().launch_pid == os.getpid()


def test_a_session_ends_with_the_machines_run(file):
    begin_session(file)
    change(file, boot="another")
    with pytest.raises(SessionError, match="a launch that has ended"):
        open_session(file)


def test_a_copy_on_another_machine_is_believed(file):
    begin_session(file)
    change(file, host="the robot's computer", boot="another", launch_pid=1)
    assert open_session(file).host == "the robot's computer"


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"name": 1}', "not json"])
def test_a_damaged_file_is_refused_and_a_launch_takes_its_place(file, content):
    begin_session(file)
    file.write_text(content)
    with pytest.raises(SessionError, match="is damaged; remove it"):
        open_session(file)
    assert open_session(file) if begin_session(file) else False


def test_two_launches_do_not_share_a_ros_domain(file):
    begin_session(file)
    running = subprocess.Popen(["sleep", "60"])
    try:
        started = Path(f"/proc/{running.pid}/stat").read_text().rpartition(")")[2].split()[19]
        change(file, launch_pid=running.pid, launch_started=started)
        with pytest.raises(SessionError, match=f"another launch \\(process {running.pid}\\) drives"):
            begin_session(file)
    finally:
        running.kill()
        running.wait()


def test_a_terminal_finds_the_session_of_a_service_which_has_no_runtime_folder_of_a_login(tmp_path, monkeypatch):
    monkeypatch.delenv(SESSION_FILE, raising=False)
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    of_the_service = begin_session()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "login"))
    assert open_session() == of_the_service
    running = subprocess.Popen(["sleep", "60"])
    try:
        started = Path(f"/proc/{running.pid}/stat").read_text().rpartition(")")[2].split()[19]
        file = tmp_path / f"aloe-{os.getuid()}" / f"session-{os.environ.get('ROS_DOMAIN_ID', '0')}.json"
        change(file, launch_pid=running.pid, launch_started=started)
        with pytest.raises(SessionError, match="another launch"):
            begin_session()
    finally:
        running.kill()
        running.wait()
    assert begin_session() == open_session() != of_the_service


def test_the_place_depends_on_user_and_ros_domain_or_is_given(tmp_path):
    place = session_path({"XDG_RUNTIME_DIR": "/run/user/1", "ROS_DOMAIN_ID": "7"})
    assert place == Path(f"/run/user/1/aloe-{os.getuid()}/session-7.json")
    assert session_path({SESSION_FILE: str(tmp_path / "s.json")}) == tmp_path / "s.json"
