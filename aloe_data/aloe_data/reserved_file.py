"""A file that is written unbuffered, whole records only, with room kept for the end of the recording."""

import os
import tempfile
from pathlib import Path
from typing import IO, Any

from aloe_data.durable import sync_one

RESERVE_BYTES = 4 << 20  # for one chunk, the summary and metadata.yaml


class ReservedFile:
    """Writes straight to the file, so that a killed process loses nothing that was written.

    When the disk is full the reserve is given back, the write is finished and `error` says what happened: the file can
    then still be ended in order. A write that fails all the same leaves the file as it was before it.

    Raises:
        OSError: The file exists or cannot be made, or the disk has no room even for the reserve.
    """

    def __init__(self, path: Path, reserve_bytes: int = RESERVE_BYTES) -> None:
        self.error: OSError | None = None
        self._position = 0
        # Nameless: the room comes back by itself when the process dies.
        self._reserve: IO[Any] | None = tempfile.TemporaryFile(dir=path.parent)  # noqa: SIM115
        os.posix_fallocate(self._reserve.fileno(), 0, reserve_bytes)
        self._file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
        sync_one(path.parent)  # which knows of the file only now

    def write(self, data: bytes) -> int:
        """Write all of `data` or nothing.

        Raises:
            OSError: The disk is full, and the reserve is used up.
        """
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[os.write(self._file, rest) :]
            except OSError as error:
                self.error = error
                if not self._release():
                    os.ftruncate(self._file, self._position)
                    os.lseek(self._file, self._position, os.SEEK_SET)
                    raise
        self._position += len(data)
        return len(data)

    def tell(self) -> int:
        """Bytes written so far."""
        return self._position

    def flush(self) -> None:
        """Nothing is buffered here."""

    def sync(self) -> None:
        """Bring what is written to the disk, where a power failure does not reach it.

        Raises:
            OSError: The disk failed.
        """
        os.fdatasync(self._file)

    def close(self) -> None:
        """Close the file, all of it on the disk, and give the reserve back.

        Raises:
            OSError: The disk failed.
        """
        self._release()
        try:
            self.sync()
        finally:
            os.close(self._file)

    def _release(self) -> bool:
        reserve = self._reserve
        self._reserve = None
        if reserve is None:
            return False
        reserve.close()
        return True
