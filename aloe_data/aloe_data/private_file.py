"""Files that no other user may read or change, in a folder of which the same is true."""

import os
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path

_FILE_MODE = 0o600
_FOLDER_MODE = 0o700


def private_folder(environment: Mapping[str, str] | None = None) -> Path:
    """Where this user's private files belong; it need not exist yet.

    Args:
        environment: Environment variables that decide; None: those of this process.
    """
    variables = os.environ if environment is None else environment
    base = Path(variables.get("XDG_RUNTIME_DIR") or tempfile.gettempdir())
    return base / f"aloe-{os.getuid()}"


def write_private(path: Path, text: str) -> None:
    """Write a file of mode 0600, whole or not at all; a missing folder is made with mode 0700.

    Args:
        path: File to write; one that exists is replaced.
        text: Whole content.

    Raises:
        OSError: The folder belongs to another user, or the file cannot be written.
    """
    path.parent.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
    # Not followed: in /tmp anybody may have put a link of that name.
    folder = path.parent.lstat()
    if not stat.S_ISDIR(folder.st_mode) or folder.st_uid != os.getuid():
        raise PermissionError(f"{path.parent} belongs to another user, or is no folder")
    # Under another name first: a node that starts now sees a whole file or none.
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _FILE_MODE)
    with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
        opened.write(text)
    draft.rename(path)
