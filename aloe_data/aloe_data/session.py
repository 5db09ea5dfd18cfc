"""The session of one launch: the secret by which its nodes know each other, in a file that its user alone can read.

Whoever holds the key may arm the robot and move it; it never travels on a topic. The file of a launch is found by the
ROS domain, so that a node in another terminal of the same user finds it as well; on another machine a copy of it serves
(`ALOE_SESSION_FILE=COPY`).
"""

import json
import os
import platform
import secrets
import stat
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from aloe_data.private_file import private_folder, write_private

SESSION_FILE = "ALOE_SESSION_FILE"
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_START = "start the nodes with `ros2 launch aloe_bringup rollout.launch.py ...`, which makes a session"


class SessionError(RuntimeError):
    """A session file that is missing, foreign or expired; the message names file and remedy."""


@dataclass(frozen=True)
class Session:
    """What the nodes of one launch share.

    Attributes:
        name: Public name of the session, which stands in every sealed message.
        key: Secret of 32 bytes, in hexadecimal digits.
        host: Name of the machine on which the launch runs.
        boot: Identifier of that machine's present run.
        launch_pid: Process id of the launch there.
        launch_started: Time at which that process began, in the kernel's clock ticks since boot; "" where unknown.
    """

    name: str
    key: str
    host: str
    boot: str
    launch_pid: int
    launch_started: str

    @property
    def secret(self) -> bytes:
        """The key as bytes."""
        return bytes.fromhex(self.key)


def session_path(environment: Mapping[str, str] | None = None) -> Path:
    """Where the session of this user and ROS domain is kept.

    Args:
        environment: Environment variables that decide; None: those of this process.
    """
    variables = os.environ if environment is None else environment
    given = variables.get(SESSION_FILE, "")
    if given:
        return Path(given)
    return private_folder(variables) / f"session-{variables.get('ROS_DOMAIN_ID') or '0'}.json"


def begin_session(path: Path | None = None) -> Session:
    """Make the session of this process, which is a launch, and write its file.

    A file that `ALOE_SESSION_FILE` names and whose launch runs is used as it is: somebody else made that session, for
    nodes on more than one machine. What a launch that has ended left there gets a successor.

    Args:
        path: File of the session; None: as `session_path` says.

    Raises:
        SessionError: Another launch of this ROS domain runs, or the file cannot be kept private.
    """
    file = path or session_path()
    if path is None:
        elsewhere = _path_without_login()
        if elsewhere is not None and _is_living(elsewhere):
            _check_free(elsewhere)
    if path is None and os.environ.get(SESSION_FILE) and file.exists():
        session = _read(file)
        if _is_alive(session):
            return session
    _check_free(file)
    session = Session(
        name=secrets.token_hex(8),
        key=secrets.token_hex(32),
        host=platform.node(),
        boot=_boot(),
        launch_pid=os.getpid(),
        launch_started=_started(os.getpid()),
    )
    _write(file, session)
    return session


def session_environment() -> dict[str, str]:
    """Begin the session of this launch; returns the environment variables by which its nodes find it.

    Raises:
        SessionError: see `begin_session`.
    """
    begin_session()
    return {SESSION_FILE: str(session_path())}


def open_session(path: Path | None = None) -> Session:
    """Read the session that this process belongs to.

    Args:
        path: File of the session; None: as `session_path` says.

    Raises:
        SessionError: The file is missing, not private to this user, damaged, or its launch has ended.
    """
    file = path or _living_path()
    session = _read(file)
    if not _is_alive(session):
        raise SessionError(f"{file} belongs to a launch that has ended (process {session.launch_pid}); {_START}")
    return session


def _living_path() -> Path:
    """Where the session of a launch that runs is kept; where none runs, where a launch would write it.

    A service has no XDG_RUNTIME_DIR, and so writes elsewhere than a launch in a terminal of the same user.
    """
    file = session_path()
    elsewhere = _path_without_login()
    if elsewhere is not None and not _is_living(file) and _is_living(elsewhere):
        return elsewhere
    return file


def _path_without_login() -> Path | None:
    """Where a service of this user keeps its session; None where that is the place of this process, or one is given."""
    if os.environ.get(SESSION_FILE) or not os.environ.get("XDG_RUNTIME_DIR"):
        return None
    return session_path({name: value for name, value in os.environ.items() if name != "XDG_RUNTIME_DIR"})


def _is_living(file: Path) -> bool:
    """Whether a file holds a session of this user whose launch runs."""
    try:
        return _is_alive(_read(file))
    except SessionError:
        return False


def _read(file: Path) -> Session:
    """The session in a file of this user alone.

    Raises:
        SessionError: see `open_session`.
    """
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError as error:
        raise SessionError(f"there is no session file {file}; {_START}, or set {SESSION_FILE} to a copy") from error
    except OSError as error:
        raise SessionError(f"session file {file} cannot be read: {error.strerror}; {_START}") from error
    with os.fdopen(descriptor, encoding="utf-8") as opened:
        _check_private(file, os.fstat(opened.fileno()))
        try:
            session = Session(**json.load(opened))
            session.secret  # noqa: B018 - raises where the key is no hexadecimal number
        except (ValueError, TypeError) as error:
            raise SessionError(f"session file {file} is damaged; remove it, and {_START}") from error
    return session


def _check_private(file: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise SessionError(f"session file {file} is no ordinary file; remove it, and {_START}")
    if status.st_uid != os.getuid():
        raise SessionError(f"session file {file} belongs to another user (id {status.st_uid}); {_START} of your own")
    if status.st_mode & 0o077:
        mode = stat.S_IMODE(status.st_mode)
        raise SessionError(f"session file {file} can be read by others (mode {mode:04o}); remove it, and {_START}")


def _check_free(file: Path) -> None:
    """Refuse to take the place of a session whose launch still runs."""
    try:
        session = _read(file)
    except SessionError:
        if file.exists() and file.stat().st_uid != os.getuid():
            raise
        return
    if _is_alive(session) and session.launch_pid != os.getpid():
        raise SessionError(
            f"another launch (process {session.launch_pid}) drives in this ROS domain; stop it, or set ROS_DOMAIN_ID "
            "to another number for this one"
        )


def _write(file: Path, session: Session) -> None:
    try:
        write_private(file, json.dumps(asdict(session)))
    except OSError as error:
        raise SessionError(f"session file {file} cannot be written: {error}; set {SESSION_FILE} to another") from error


def _is_alive(session: Session) -> bool:
    """Whether the launch of a session runs; that of another machine is believed."""
    if session.host != platform.node():
        return True
    if session.boot != _boot():
        return False
    return session.launch_started == _started(session.launch_pid)


def _boot() -> str:
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return ""


def _started(pid: int) -> str:
    """Start time of a process, which tells it from a later one with the same id; "gone" where there is none."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return "gone"
    # The name, in parentheses, may hold spaces; state and start time are fields 3 and 22 of the whole.
    fields = text.rpartition(")")[2].split()
    return "gone" if fields[0] == "Z" else fields[19]
