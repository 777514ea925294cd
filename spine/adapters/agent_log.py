"""The complete output of one attempt in one gzip file that can be read while it grows and after any crash.

A line is `time TAB stream TAB text`. Compressed data is flushed to the operating system at most `FLUSH_SECONDS` after
it was written, so a kill -9 of the writer loses no more than that; `read_log`, `zcat` and `zless` show everything up to
there. The file stays until somebody removes it with its card.
"""

from __future__ import annotations

import asyncio
import logging
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, cast

from spine.agents_port import OutputLine, OutputStream

_logger = logging.getLogger("millrace.agents")

FLUSH_SECONDS = 1.0
FLUSH_BYTES = 1 << 18
_GZIP = 31  # zlib's way to ask for the gzip form
_READ_BYTES = 1 << 16
_CUT = " […]"


@dataclass(frozen=True, slots=True)
class LoggedLine:
    """One line of a log file, ANSI sequences kept."""

    at: datetime
    stream: OutputStream
    text: str


class AgentLog:
    """Writes one attempt's log. Belongs to one event loop; a full disk ends the log, never the agent."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = self._open()
        self._deflate = zlib.compressobj(level=5, wbits=_GZIP)
        self._unflushed = 0
        self._timer: asyncio.TimerHandle | None = None

    def write(self, line: OutputLine) -> None:
        record = f"{line.at.isoformat(timespec='milliseconds')}\t{line.stream}\t{line.text}{_CUT if line.cut else ''}\n"
        data = record.encode("utf-8", "replace")
        self._put(self._deflate.compress(data))
        self._unflushed += len(data)
        if self._unflushed >= FLUSH_BYTES:
            self._flush()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(FLUSH_SECONDS, self._flush)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._put(self._deflate.flush())
        if self._file is not None:
            self._file.close()
            self._file = None

    def _flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._unflushed = 0
        self._put(self._deflate.flush(zlib.Z_SYNC_FLUSH))

    def _put(self, data: bytes) -> None:
        if self._file is None or not data:
            return
        try:
            self._file.write(data)
        except OSError as error:
            _logger.warning("the log %s ends here, the agent goes on: %s", self._path, error)
            self._file.close()
            self._file = None

    def _open(self) -> IO[bytes] | None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        except OSError as error:
            _logger.warning("the log %s cannot be written, the agent runs without it: %s", self._path, error)
            return None
        return os.fdopen(handle, "wb", buffering=0)


def read_log(path: Path) -> Iterator[LoggedLine]:
    """The lines of a log as far as it goes, also of one whose writer still writes or was killed.

    Needs memory for one line only. Raises FileNotFoundError.
    """
    rest = b""
    for piece in _inflated(path):
        *lines, rest = (rest + piece).split(b"\n")
        yield from (_logged(line) for line in lines if line)


def _inflated(path: Path) -> Iterator[bytes]:
    inflate = zlib.decompressobj(wbits=_GZIP)
    with path.open("rb") as file:
        while block := inflate.unconsumed_tail or file.read(_READ_BYTES):
            yield inflate.decompress(block, _READ_BYTES)


def _logged(line: bytes) -> LoggedLine:
    at, stream, text = line.decode("utf-8", "replace").split("\t", 2)
    return LoggedLine(datetime.fromisoformat(at), cast("OutputStream", stream), text)
